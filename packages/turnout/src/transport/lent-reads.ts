// Knows how to read a socket of TCP or TLS without new memory for each read: all of them into one place, lent to who
// listens.
import type { Buffer } from 'node:buffer'
import { Socket } from 'node:net'
import process from 'node:process'
import { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { lent } from '../base/lent.ts'
import { IN_NODE } from '../base/runtime.ts'
import { takeBuffered } from './buffered.ts'

/**
 * Lets a socket that a server has accepted do what `net.connect` offers as `onread`: the 64 KiB that Node otherwise
 * allocates for each read, and its stream's way from there to `data`, are a sixth of the cost of a small message.
 * Node has no public name for it. Undefined: it cannot be done here, or somebody else watches the socket, and `data`
 * is to be heard.
 *
 * @param onRead told how many bytes lie in `lent`; false: read no more until the socket's `resume`.
 * @returns what had been read before.
 */
export function readLent(stream: Duplex, onRead: (bytes: number) => boolean): Buffer | undefined {
  if (!CAN_LEND || !isPlain(stream)) return undefined
  const socket = stream as LendingSocket
  if (socket.readableEncoding !== null || isObserved(socket)) return undefined
  const handle = socket._handle
  if (typeof handle?.useUserBuffer !== 'function' || !isReadBySystem(handle)) return undefined
  symbols ??= findSymbols(socket)
  if (symbols === undefined || socket[symbols.buffer] !== null) return undefined
  socket[symbols.buffer] = lent
  socket[symbols.callback] = onRead
  handle.useUserBuffer(lent)
  return takeBuffered(socket)
}

/** Whether it is a socket of Node's as it is, not one that somebody has derived from it. */
function isPlain(stream: Duplex): boolean {
  const prototype = Object.getPrototypeOf(stream)
  return prototype === Socket.prototype || prototype === TLSSocket.prototype
}

/**
 * Whether a read is an event of its own. TLS over a stream that is no socket is read within whatever that is written
 * by: where the callback for one connection sends on another, in the midst of the first's read.
 */
function isReadBySystem({ fd }: Handle): boolean {
  return fd !== undefined && fd >= 0
}

interface Handle {
  useUserBuffer?(buffer: Buffer): void
  /** Of what lies beneath, through every layer of TLS; -1: that is no handle of the system. */
  readonly fd?: number
}

type LendingSocket = Socket & {
  readonly _handle?: Handle | null
  [key: symbol]: unknown
}

interface Symbols {
  readonly buffer: symbol
  readonly callback: symbol
}

let symbols: Symbols | undefined

function findSymbols(socket: Socket): Symbols | undefined {
  const own = Object.getOwnPropertySymbols(socket)
  const buffer = own.find((key) => key.description === 'kBuffer')
  const callback = own.find((key) => key.description === 'kBufferCb')
  return buffer === undefined || callback === undefined ? undefined : { buffer, callback }
}

/** Somebody else wants to see what comes, by listening or by a method of their own. */
function isObserved(socket: Socket): boolean {
  if (socket.listenerCount('data') > 0 || socket.listenerCount('readable') > 0) return true
  return socket.push !== Duplex.prototype.push || socket.emit !== Duplex.prototype.emit
}

/** On Windows memory is handed over before there is anything to read: two sockets would write into it at a time. */
const CAN_LEND = IN_NODE && process.platform !== 'win32'
