/// <reference lib="dom" />
// Knows how the page hears what goes over the wire: by a WebSocket of turnout's own, else by Server-Sent Events.
import type { WireEvent } from '../tape.ts'

/** How long the WebSocket may take to open; something in between may swallow its handshake. */
const openWithinMs = 3_000

/** Tells every event of the tape, from its first on, once each. Returns the way to stop. */
export function follow(id: string, tell: (event: WireEvent) => void): () => void {
  let stopped = false
  let events: EventSource | undefined
  const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/tape/${id}`)

  const fallBack = () => {
    clearTimeout(timer)
    if (stopped || events !== undefined) return
    socket.onmessage = null
    events = new EventSource(`/tape/${id}`)
    events.onmessage = ({ data }) => tell(JSON.parse(data))
  }
  const timer = setTimeout(fallBack, openWithinMs)
  socket.onopen = () => {
    clearTimeout(timer)
    socket.onclose = null
  }
  socket.onmessage = ({ data }) => tell(JSON.parse(data))
  socket.onclose = fallBack

  return () => {
    stopped = true
    clearTimeout(timer)
    events?.close()
    socket.close(1000)
  }
}
