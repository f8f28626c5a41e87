// Knows how a TLS record is laid out (RFC 8446 section 5.1). What is inside stays secret: that is the point.
import { type Bytes, hex, join, noBytes } from './bytes.ts'
import type { Unit, UnitReader } from './unit.ts'

const headBytes = 5

const types: Readonly<Record<number, string>> = {
  20: 'change_cipher_spec',
  21: 'alert',
  22: 'handshake',
  23: 'application_data',
}

/** Messages of a handshake that go in the clear. */
const messages: Readonly<Record<number, string>> = {
  1: 'ClientHello',
  2: 'ServerHello',
  4: 'NewSessionTicket',
  11: 'Certificate',
  12: 'ServerKeyExchange',
  14: 'ServerHelloDone',
  16: 'ClientKeyExchange',
}

const versions: Readonly<Record<number, string>> = { 769: 'TLS 1.0', 770: 'TLS 1.1', 771: 'TLS 1.2' }

export class RecordReader implements UnitReader {
  #held: Bytes = noBytes
  /** After change_cipher_spec everything in this direction is encrypted. */
  #encrypted = false

  read(bytes: Bytes): Unit[] {
    this.#held = join([this.#held, bytes])
    const records: Unit[] = []
    for (;;) {
      const held = this.#held
      if (held.length < headBytes) return records
      const length = held[3]! * 256 + held[4]!
      if (held.length < headBytes + length) return records
      this.#held = held.slice(headBytes + length)
      records.push(this.#take(held.slice(0, headBytes + length)))
    }
  }

  #take(wire: Bytes): Unit {
    const type = wire[0]!
    const payload = wire.slice(headBytes)
    const name = types[type] ?? 'unknown'
    const version = wire[1]! * 256 + wire[2]!
    const saysVersion = `0x${hex(wire.slice(1, 3)).replace(' ', '')} ${versions[version] ?? ''}`.trim()
    const message = type === 22 && !this.#encrypted ? messages[payload[0] ?? 0] : undefined
    const secret = type === 23 || (this.#encrypted && type !== 20)
    if (type === 20) this.#encrypted = true
    const content =
      message ?? (secret ? 'encrypted' : type === 20 ? 'what follows is encrypted' : 'in the clear')
    return {
      name,
      label: message === undefined ? `${name}, ${payload.length} bytes` : `${name}: ${message}`,
      control: type !== 23,
      fields: [
        ['Type', `${type} ${name}`],
        ['Version', saysVersion],
        ['Length', String(payload.length)],
        ['Content', content],
      ],
      pieces: [
        { part: 'type', bytes: wire.slice(0, 1), says: name },
        { part: 'version', bytes: wire.slice(1, 3), says: versions[version] ?? 'version' },
        { part: 'length', bytes: wire.slice(3, 5), says: `length ${payload.length}` },
        ...(payload.length === 0 ? [] : [{ part: 'payload' as const, bytes: payload, says: content }]),
      ],
    }
  }
}
