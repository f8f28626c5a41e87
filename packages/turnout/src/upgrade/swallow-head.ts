// Knows how node:http is brought to read the response to a request that was sent already.
import { Buffer } from 'node:buffer'
import process from 'node:process'
import type { Duplex } from 'node:stream'

/**
 * Drops the next request head that is written to the socket: the peer had that request before, and node:http has to
 * believe it sent it, to read the response.
 */
export function swallowHead(socket: Duplex): void {
  let written = ''
  const swallow = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    written += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1')
    // From here on its own `write` is seen again.
    if (written.includes('\r\n\r\n')) delete (socket as { write?: unknown }).write
    const done = rest.find((argument) => typeof argument === 'function') as (() => void) | undefined
    if (done !== undefined) process.nextTick(done)
    return true
  }
  Object.defineProperty(socket, 'write', { value: swallow, configurable: true, writable: true })
}
