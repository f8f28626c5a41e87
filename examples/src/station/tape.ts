// Knows what went over each watched connection, and tells those who follow. Never touches a socket.

export type Side = 'client' | 'server'

/** One thing that happened on a watched connection. */
export interface WireEvent {
  /** Counts the connections of one tape, from 1. */
  readonly connection: number
  /** Milliseconds since that connection was accepted. */
  readonly atMs: number
  /** `end`: that side's FIN. `close`: both directions are over. `full`: the tape holds no more. */
  readonly kind: 'open' | 'fields' | 'bytes' | 'end' | 'close' | 'full'
  /** Whose bytes, or whose FIN. */
  readonly from?: Side
  /** Of an `open` event: the connection is a stream of HTTP/2. As the server reads it from its session. */
  readonly over?: Over
  /** The fields of a `fields` event: a head of HTTP/2. */
  readonly fields?: readonly (readonly [name: string, value: string])[]
  /** The bytes of a `bytes` event. */
  readonly base64?: string
}

/** What carries a stream of HTTP/2. */
export interface Over {
  /** `h2` */
  readonly alpn: string
  /** `TLSv1.3` */
  readonly tls: string
  readonly stream: number
}

/** Everything that happened under one id, in order. */
export interface Tape {
  readonly events: readonly WireEvent[]
  /** Tells what happened from event number `first` on, and then what happens. Returns the way to stop. */
  follow(first: number, tell: (event: WireEvent, index: number) => void): () => void
  /** A recorder for one more connection. */
  record(over?: Over): Recorder
}

/** Writes down one connection. */
export interface Recorder {
  fields(from: Side, fields: NonNullable<WireEvent['fields']>): void
  bytes(from: Side, chunk: Uint8Array): void
  end(from: Side): void
  close(): void
}

export interface Shelf {
  /** The tape with that id, begun when there is none. Undefined: that is no id. */
  tape(id: string): Tape | undefined
}

export interface ShelfOptions {
  /** The oldest tape goes when there are more. Default 100. */
  readonly maxTapes?: number
  /** Bytes of traffic kept on one tape; past that it only says that it is full. Default 256 KiB. */
  readonly maxTapeBytes?: number
  /** Milliseconds on a scale that only grows. */
  readonly now?: () => number
}

/** Ids are made by the page, at random: whoever knows one may read the tape. */
const idForm = /^[\w-]{8,64}$/

export function createShelf(options: ShelfOptions = {}): Shelf {
  const { maxTapes = 100, maxTapeBytes = 256 * 1024, now = () => performance.now() } = options
  const tapes = new Map<string, Tape>()
  return {
    tape(id) {
      if (!idForm.test(id)) return undefined
      const known = tapes.get(id)
      if (known !== undefined) return known
      const oldest = tapes.keys().next()
      if (tapes.size >= maxTapes && !oldest.done) tapes.delete(oldest.value)
      const tape = createTape(maxTapeBytes, now)
      tapes.set(id, tape)
      return tape
    },
  }
}

function createTape(maxBytes: number, now: () => number): Tape {
  const events: WireEvent[] = []
  const followers = new Set<(event: WireEvent, index: number) => void>()
  let connections = 0
  // An event weighs more than its bytes, so a flood of empty connections fills a tape too.
  const eventWeight = 64
  let roomBytes = maxBytes

  const add = (event: WireEvent, weight: number) => {
    if (roomBytes < 0) return
    roomBytes -= weight
    const kept: WireEvent = roomBytes < 0 ? { ...event, kind: 'full', base64: '' } : event
    const index = events.push(kept) - 1
    for (const tell of followers) tell(kept, index)
  }

  return {
    events,
    follow(first, tell) {
      for (let index = first; index < events.length; index += 1) tell(events[index]!, index)
      followers.add(tell)
      return () => void followers.delete(tell)
    },
    record(over) {
      connections += 1
      const connection = connections
      const startMs = now()
      const stamp = () => ({ connection, atMs: Math.round((now() - startMs) * 100) / 100 })
      add({ ...stamp(), kind: 'open', ...(over && { over }) }, eventWeight)
      return {
        fields: (from, fields) =>
          add({ ...stamp(), kind: 'fields', from, fields }, eventWeight + JSON.stringify(fields).length),
        bytes(from, chunk) {
          const base64 = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('base64')
          add({ ...stamp(), kind: 'bytes', from, base64 }, eventWeight + chunk.byteLength)
        },
        end: (from) => add({ ...stamp(), kind: 'end', from }, eventWeight),
        close: () => add({ ...stamp(), kind: 'close' }, eventWeight),
      }
    },
  }
}
