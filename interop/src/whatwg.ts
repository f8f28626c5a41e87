// Knows how to drive a WebSocket of the WHATWG kind: the browser's, undici's, and those built into runtimes.
// Also runs inside a web page: besides `payload` it must stand for itself.
import { payload } from './payload.ts'
import type { EchoReport, Ending, Goodbye, Payload } from './peer.ts'

/** As much of the interface as is used here. */
export interface WhatwgSocket {
  readonly protocol: string
  binaryType: string
  send(data: string | Uint8Array<ArrayBuffer>): void
  close(code?: number, reason?: string): void
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
}

export type WhatwgConstructor = new (url: string, protocols: string[]) => WhatwgSocket

export type Command =
  | {
      readonly op: 'echo'
      readonly url: string
      readonly protocols: readonly string[]
      readonly payloads: readonly Payload[]
    }
  | { readonly op: 'close'; readonly url: string; readonly goodbye: Goodbye }
  | { readonly op: 'closed'; readonly url: string }

/** Does what the command says on a connection of its own. */
export function drive(Socket: WhatwgConstructor, command: Command): Promise<EchoReport | Ending> {
  const socket = new Socket(command.url, command.op === 'echo' ? [...command.protocols] : [])
  socket.binaryType = 'arraybuffer'
  const wrong: string[] = []
  let next = 0
  let sent: string | Uint8Array<ArrayBuffer> = ''

  const sendNext = (): void => {
    const description = command.op === 'echo' ? command.payloads[next] : undefined
    if (description === undefined) {
      socket.close(1000)
      return
    }
    sent = payload(description.kind, description.bytes)
    socket.send(sent)
  }
  const isSame = (data: unknown): boolean => {
    if (typeof sent === 'string') return data === sent
    if (!(data instanceof ArrayBuffer) || data.byteLength !== sent.length) return false
    const bytes = new Uint8Array(data)
    return sent.every((byte, index) => byte === bytes[index])
  }

  return new Promise((resolve) => {
    let protocol = ''
    socket.onopen = () => {
      protocol = socket.protocol
      if (command.op === 'echo') sendNext()
      if (command.op !== 'close') return
      const { code, reason } = command.goodbye
      if (code === undefined) socket.close()
      else socket.close(code, reason)
    }
    socket.onmessage = (event: { readonly data: unknown }) => {
      if (command.op !== 'echo') return
      const { kind, bytes } = command.payloads[next] as Payload
      if (!isSame(event.data)) wrong.push(`${kind} of ${bytes} bytes`)
      next += 1
      sendNext()
    }
    socket.onclose = (event: { readonly code: number; readonly reason: string }) => {
      if (command.op !== 'echo') return resolve({ code: event.code, reason: event.reason })
      if (event.code !== 1000) wrong.push(`closed with ${event.code} ${event.reason}`)
      resolve({ protocol, same: next - wrong.length, wrong })
    }
  })
}
