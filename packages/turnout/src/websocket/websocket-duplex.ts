// Knows how a WebSocket looks as a Duplex of Node, for what wants to be given a stream.
import { Buffer } from 'node:buffer'
import process from 'node:process'
import { Duplex } from 'node:stream'
import { MisuseError, PeerError, shown, toError } from '../base/errors.ts'
import { assertOptions, type OptionNames } from '../base/option-names.ts'
import { CLOSE } from './close.ts'
import { type AnyConnection, type CloseInfo, isConnection } from './connection.ts'
import type { Message } from './options.ts'

export interface WebSocketDuplexOptions {
  /**
   * True: a chunk is a message as the socket has it, text as a string. Default false: bytes, where a message is a
   * chunk but may be joined to the next or cut by whoever is in between, and text arrives as UTF-8.
   */
  readonly objectMode?: boolean | undefined
  /** As in node:stream: bytes, in object mode messages. Default: Node's. */
  readonly highWaterMark?: number | undefined
}

const WEBSOCKET_DUPLEX_OPTIONS: OptionNames<WebSocketDuplexOptions> = {
  objectMode: true,
  highWaterMark: true,
}

/**
 * The socket as a stream, with backpressure both ways, for `pipeline` and for libraries that speak over streams. Each
 * message is a chunk and each chunk that is written a message, binary but for strings in object mode. Takes the
 * messages, as a loop would.
 *
 * A WebSocket has no half-close (RFC 6455 section 7.1): ending the stream closes with 1000, and behind the peer's
 * Close, which ends what is read, writing fails; end your side yourself. A Close with another code than 1000, and a
 * connection that is lost, are an error: what has come is not the whole. Whoever pipes into it, or has ended it, and
 * reads nothing hears of either all the same. `destroy` drops the connection.
 * @throws MisuseError ERR_INVALID_ARGUMENT, also where a `message` callback takes the messages
 */
export function createWebSocketStream(socket: AnyConnection, options: WebSocketDuplexOptions = {}): Duplex {
  if (!isConnection(socket)) {
    throw new MisuseError('ERR_INVALID_ARGUMENT', `${shown(socket)} is no WebSocket of this library`)
  }
  assertOptions('createWebSocketStream', options, WEBSOCKET_DUPLEX_OPTIONS)
  const { objectMode = false, highWaterMark } = options
  const messages = socket[Symbol.asyncIterator]()
  const stream: Duplex = new Duplex({
    objectMode,
    // a loop over a stream that destroys itself is aborted at its end, while the other side is open
    autoDestroy: false,
    ...(highWaterMark !== undefined && { highWaterMark }),
    read() {
      void take(messages, stream, objectMode).then((more) => (more ? undefined : endWith(stream, socket)))
    },
    async write(chunk: Message | Uint8Array, _encoding, done) {
      const failure = await sent(socket, chunk)
      if (failure !== undefined) stream.destroy(failure)
      // out of the promise: what the application throws in its callback is its own
      process.nextTick(done, failure)
    },
    async final(done) {
      const info = await socket.close(CLOSE.normal)
      const failure = isWhole(info) ? undefined : lost(info)
      if (failure !== undefined) stream.destroy(failure)
      process.nextTick(done, failure)
    },
    destroy(error, done) {
      if (socket.readyState !== 'closed') socket.terminate()
      done(error)
    },
  })
  const over = (): void => {
    if (stream.readableEnded && stream.writableFinished) stream.destroy()
  }
  stream.on('end', over).on('finish', over)
  // as of a socket, the end is seen where nobody reads, unless there are messages before it
  const look = (): void => void stream.read(0)
  return stream.on('pipe', look).on('finish', look)
}

/** Undefined: it was. */
async function sent(socket: AnyConnection, chunk: Message | Uint8Array): Promise<Error | undefined> {
  try {
    // whoever writes may use its memory again as soon as this is done
    if (await socket.send(chunk instanceof Uint8Array ? Buffer.from(chunk) : chunk)) return undefined
  } catch (error) {
    return toError(error)
  }
  if (socket.readyState !== 'open') return lost(await socket.closed)
  return new PeerError('ERR_SLOW_CONSUMER', "a chunk was dropped, as slowConsumer: 'drop' has it")
}

/** Until the stream has enough. False: there is nothing more to come. */
async function take(messages: AsyncIterator<Message>, stream: Duplex, objectMode: boolean): Promise<boolean> {
  for (;;) {
    const next = await messages.next().catch(toError)
    if (next instanceof Error) {
      // the messages go to `streams` by now
      stream.destroy(next)
      return true
    }
    const { done, value } = next
    if (done === true) return false
    if (objectMode) {
      stream.push(value)
      return true
    }
    const bytes = bytesOf(value)
    // an empty chunk would not make the stream ask again
    if (bytes.length === 0) continue
    stream.push(bytes)
    return true
  }
}

function bytesOf(message: Message): Buffer {
  if (typeof message === 'string') return Buffer.from(message)
  if (Array.isArray(message)) return Buffer.concat(message)
  return Buffer.isBuffer(message) ? message : Buffer.from(message)
}

async function endWith(stream: Duplex, socket: AnyConnection): Promise<void> {
  const info = await socket.closed
  if (!isWhole(info)) return void stream.destroy(lost(info))
  stream.push(null)
  stream.read(0)
}

/** Whether both sides have said, and meant, that this is all. */
function isWhole({ clean, code }: CloseInfo): boolean {
  return clean && (code === CLOSE.normal || code === CLOSE.noCode)
}

function lost({ code, reason, clean, cause }: CloseInfo): Error {
  if (cause !== undefined) return cause
  const said = clean ? `was closed with ${code} ${reason}`.trimEnd() : 'was lost'
  return new PeerError('ERR_CONNECTION_LOST', `the WebSocket ${said}`, { section: 'RFC 6455 section 7.1.5' })
}
