// Knows how one message reaches many connections: encoded once, written once to each.
import { Buffer } from 'node:buffer'
import { MisuseError, shown } from '../base/errors.ts'
import { lasting } from '../base/loan.ts'
import { type AnyConnection, isConnection } from './connection.ts'
import { encodeFrame, FIN, OPCODE } from './frame.ts'
import { roleOf, sendFrame, transformOf } from './inside.ts'
import { viewOf } from './sendable.ts'
import type { MessageTransform } from './transform.ts'

/** What can be broadcast. A Blob has to be read first. */
export type Broadcastable = string | ArrayBufferView | ArrayBuffer

/**
 * Sends one message to every open socket of `sockets`, encoded once. Those that are closing are left out; a
 * slow one queues its copy by reference and delays nobody.
 *
 * Compressed, too, it is encoded once for all that take no context over (`serverNoContextTakeover`); a
 * connection that does has to compress it for itself.
 *
 * @returns how many took it.
 * @throws MisuseError ERR_INVALID_ARGUMENT for a message that is neither a string nor bytes, and, once it comes to
 *   it, for what is no connection.
 */
export function broadcast(sockets: Iterable<AnyConnection>, message: Broadcastable): number {
  const frames = new Frames(message)
  if (typeof (sockets as Partial<Iterable<unknown>> | undefined)?.[Symbol.iterator] !== 'function') {
    throw noSockets(sockets)
  }
  let taken = 0
  for (const socket of sockets) {
    if (!isConnection(socket)) throw noSockets(socket)
    if (sendTo(socket, message, frames) !== false) taken++
  }
  return taken
}

function noSockets(given: unknown): MisuseError {
  const advice = Array.isArray(given) ? '; of a Map take .values()' : ''
  const wanted = 'broadcast wants the sockets, such as a Set of them, and then the message'
  return new MisuseError('ERR_INVALID_ARGUMENT', `${wanted}; among them is ${shown(given)}${advice}`)
}

function sendTo(socket: AnyConnection, message: Broadcastable, frames: Frames): boolean | Promise<boolean> {
  // a client masks every frame afresh (RFC 6455 section 5.3): its frame cannot be shared
  if (roleOf(socket) === 'client') return socket.send(message)
  const transform = transformOf(socket)
  if (transform === undefined || !transform.wants(frames.bytes))
    return sendFrame(socket, frames.plain, frames.bytes)
  const { sharedKey } = transform
  return sharedKey === undefined
    ? socket.send(message)
    : sendFrame(socket, frames.encoded(sharedKey, transform), frames.bytes)
}

/** One message as frames, each made when the first connection wants it so. */
class Frames {
  readonly #opcode: number
  readonly #payload: Uint8Array
  #plain: Buffer | undefined
  #encoded: Map<string, Buffer | Promise<Buffer>> | undefined

  constructor(message: Broadcastable) {
    this.#opcode = typeof message === 'string' ? OPCODE.text : OPCODE.binary
    this.#payload = typeof message === 'string' ? Buffer.from(message) : bytesOf(message)
  }

  get bytes(): number {
    return this.#payload.length
  }

  get plain(): Buffer {
    this.#plain ??= encodeFrame(FIN | this.#opcode, this.#payload)
    return this.#plain
  }

  encoded(key: string, transform: MessageTransform): Buffer | Promise<Buffer> {
    this.#encoded ??= new Map()
    const known = this.#encoded.get(key)
    if (known !== undefined) return known
    const head = FIN | transform.rsv | this.#opcode
    const payload = transform.encode(lasting(this.#payload))
    const frame =
      payload instanceof Promise
        ? payload.then((bytes) => encodeFrame(head, bytes))
        : encodeFrame(head, payload)
    // those who take it hear of a failure; nobody may have taken it
    if (frame instanceof Promise) frame.catch(() => {})
    this.#encoded.set(key, frame)
    return frame
  }
}

function bytesOf(message: unknown): Uint8Array {
  const bytes = viewOf(message)
  if (bytes !== undefined) return bytes
  throw new MisuseError(
    'ERR_INVALID_ARGUMENT',
    `${shown(message)} cannot be broadcast: a string or bytes can`,
  )
}
