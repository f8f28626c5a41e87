// Knows the requests that no client should send, byte for byte.
import { randomBytes } from 'node:crypto'
import type { Chosen } from './page/scenarios.ts'

/** A request of the scenario, as latin1. `address` goes into Host, `target` into the request line. */
export function handwritten(scenario: string, chosen: Chosen, target: string, address: string): string {
  switch (scenario) {
    case 'version':
      return request(target, [
        ...asksForWebSocket(address),
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
        `Sec-WebSocket-Version: ${chosen.version ?? '8'}`,
      ])
    case 'key':
      return request(target, [
        ...asksForWebSocket(address),
        ...wrongKey(chosen.key),
        'Sec-WebSocket-Version: 13',
      ])
    default:
      return chosen.because === 'old'
        ? request(target, [`Host: ${address}`, 'Connection: Upgrade', 'Upgrade: example/1'], 'HTTP/1.0')
        : request(target, [`Host: ${address}`, 'Connection: keep-alive', 'Upgrade: example/1'])
  }
}

function request(target: string, lines: readonly string[], version: string = 'HTTP/1.1'): string {
  return `${[`GET ${target} ${version}`, ...lines].join('\r\n')}\r\n\r\n`
}

function asksForWebSocket(address: string): string[] {
  return [`Host: ${address}`, 'Connection: Upgrade', 'Upgrade: websocket']
}

function wrongKey(kind: string | undefined): string[] {
  if (kind === 'missing') return []
  if (kind === 'text') return ['Sec-WebSocket-Key: this is no base64!']
  return [`Sec-WebSocket-Key: ${randomBytes(15).toString('base64')}`]
}
