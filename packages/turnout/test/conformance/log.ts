// Knows how what an endpoint delivers is written down, so that expected and actual can be compared as lines.
import type { Message } from '../../src/websocket/options.ts'
import { type Bytes, bytes, digest, hex } from './hex.ts'

export function text(message: string): string {
  if (message.length <= 100) return `text ${JSON.stringify(message)}`
  return `text of ${message.length} units, SHA-1 ${digest(message)}`
}

export function binary(payload: Bytes): string {
  return `binary ${hex(bytes(payload))}`
}

export function ping(payload: Bytes = ''): string {
  return `ping ${hex(bytes(payload))}`
}

export function pong(payload: Bytes = ''): string {
  return `pong ${hex(bytes(payload))}`
}

export function messageLine(message: Message): string {
  if (typeof message === 'string') return text(message)
  if (Array.isArray(message)) return `chunks ${hex(Buffer.concat(message))}`
  return message instanceof ArrayBuffer ? `arraybuffer ${hex(new Uint8Array(message))}` : binary(message)
}
