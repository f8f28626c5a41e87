// Knows how an HTTP/2 frame is laid out (RFC 9113 section 4.1), what the settings are called, and how a client
// begins. It judges nothing: what breaks a rule is shown as it came.
import { type Bytes, hex, indexOf, join, latin1, noBytes, utf8 } from './bytes.ts'
import type { Unit, UnitReader } from './unit.ts'

export interface Setting {
  readonly name: string
  readonly value: number
  readonly bytes: Bytes
}

const headBytes = 9
const preface = Array.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', (character) => character.charCodeAt(0))

const types = [
  'DATA',
  'HEADERS',
  'PRIORITY',
  'RST_STREAM',
  'SETTINGS',
  'PUSH_PROMISE',
  'PING',
  'GOAWAY',
  'WINDOW_UPDATE',
  'CONTINUATION',
] as const

const settings: Readonly<Record<number, string>> = {
  1: 'HEADER_TABLE_SIZE',
  2: 'ENABLE_PUSH',
  3: 'MAX_CONCURRENT_STREAMS',
  4: 'INITIAL_WINDOW_SIZE',
  5: 'MAX_FRAME_SIZE',
  6: 'MAX_HEADER_LIST_SIZE',
  8: 'ENABLE_CONNECT_PROTOCOL',
}

const errors: Readonly<Record<number, string>> = {
  0: 'NO_ERROR',
  1: 'PROTOCOL_ERROR',
  2: 'INTERNAL_ERROR',
  5: 'STREAM_CLOSED',
  7: 'REFUSED_STREAM',
  8: 'CANCEL',
}

/** The payload of SETTINGS: six bytes each, two of a name and four of a value (RFC 9113 section 6.5.1). */
export function readSettings(payload: Bytes): Setting[] {
  const read: Setting[] = []
  for (let at = 0; at + 6 <= payload.length; at += 6) {
    const id = number(payload, at, 2)
    const name = settings[id] ?? `0x${id.toString(16).padStart(4, '0')}`
    read.push({ name, value: number(payload, at + 2, 4), bytes: payload.slice(at, at + 6) })
  }
  return read
}

export class Http2FrameReader implements UnitReader {
  #held: Bytes = noBytes
  #prefaceDue: boolean

  /** `client`: it begins with the preface (RFC 9113 section 3.4). */
  constructor(from: 'client' | 'server') {
    this.#prefaceDue = from === 'client'
  }

  read(bytes: Bytes): Unit[] {
    this.#held = join([this.#held, bytes])
    const units: Unit[] = []
    for (;;) {
      const held = this.#held
      if (this.#prefaceDue) {
        if (held.length < preface.length) return units
        this.#prefaceDue = false
        if (indexOf(held.slice(0, preface.length), preface) === 0) {
          units.push(showPreface(held.slice(0, preface.length)))
          this.#held = held.slice(preface.length)
        }
        continue
      }
      if (held.length < headBytes) return units
      const length = number(held, 0, 3)
      if (held.length < headBytes + length) return units
      this.#held = held.slice(headBytes + length)
      units.push(readFrame(held.slice(0, headBytes + length)))
    }
  }
}

function showPreface(bytes: Bytes): Unit {
  return {
    name: 'preface',
    label: 'preface: PRI * HTTP/2.0',
    control: true,
    fields: [
      ['Length', String(bytes.length)],
      ['As text', latin1(bytes).replaceAll('\r\n', '⏎')],
    ],
    pieces: [{ part: 'payload', bytes, says: 'the same for every client: no server of HTTP/1.1 takes it' }],
  }
}

function readFrame(wire: Bytes): Unit {
  const type = wire[3]!
  const name = types[type] ?? 'unknown'
  const flags = flagsOf(name, wire[4]!)
  const stream = number(wire, 5, 4) & 0x7fff_ffff
  const payload = wire.slice(headBytes)
  const says = saysPayload(name, payload)
  const text = name === 'DATA' && payload.length > 0 ? ` ${says}` : ''
  const steers = !['DATA', 'HEADERS', 'CONTINUATION'].includes(name)
  return {
    name,
    label: `${name}${flags.includes('ACK') ? ', ACK' : ''}${stream === 0 ? '' : `, stream ${stream}`}${text}`,
    control: steers,
    fields: [
      ['Length', String(payload.length)],
      ['Type', `0x${type.toString(16)} ${name}`],
      ['Flags', flags.length === 0 ? 'none' : flags.join(', ')],
      ['Stream', stream === 0 ? '0, the connection itself' : String(stream)],
      ['Payload', says],
    ],
    pieces: [
      { part: 'length', bytes: wire.slice(0, 3), says: `length ${payload.length}` },
      { part: 'type', bytes: wire.slice(3, 4), says: name },
      { part: 'flags', bytes: wire.slice(4, 5), says: flags.join(', ') || 'no flags' },
      { part: 'stream', bytes: wire.slice(5, 9), says: `stream ${stream}` },
      ...payloadPieces(name, payload),
    ],
  }
}

function payloadPieces(name: string, payload: Bytes): Unit['pieces'] {
  if (payload.length === 0) return []
  if (name !== 'SETTINGS') {
    return [{ part: 'payload', bytes: payload, says: name === 'HEADERS' ? 'fields, in HPACK' : 'payload' }]
  }
  return readSettings(payload).map((setting) => ({
    part: 'payload',
    bytes: setting.bytes,
    says: saysSetting(setting),
  }))
}

export function saysSetting({ name, value }: Setting): string {
  return `${name} = ${value}`
}

function flagsOf(name: string, flags: number): string[] {
  const acknowledges = name === 'SETTINGS' || name === 'PING'
  const known: [bit: number, name: string][] = acknowledges
    ? [[0x1, 'ACK']]
    : [
        [0x1, 'END_STREAM'],
        [0x4, 'END_HEADERS'],
        [0x8, 'PADDED'],
        [0x20, 'PRIORITY'],
      ]
  return known.filter(([bit]) => (flags & bit) !== 0).map(([, flag]) => flag)
}

function saysPayload(name: string, payload: Bytes): string {
  if (payload.length === 0) return 'empty'
  switch (name) {
    case 'SETTINGS':
      return readSettings(payload).map(saysSetting).join(', ')
    case 'DATA': {
      const text = utf8(payload)
      return text === undefined ? `${payload.length} bytes` : `“${text.replace(/\n$/, '')}”`
    }
    case 'HEADERS':
    case 'CONTINUATION':
      return 'fields, compressed with HPACK (RFC 7541)'
    case 'WINDOW_UPDATE':
      return `${number(payload, 0, 4)} more bytes may come`
    case 'RST_STREAM':
      return saysError(number(payload, 0, 4))
    case 'GOAWAY':
      return `${saysError(number(payload, 4, 4))}, last stream ${number(payload, 0, 4)}`
    default:
      return hex(payload)
  }
}

function saysError(code: number): string {
  return errors[code] ?? `error ${code}`
}

function number(bytes: Bytes, at: number, length: number): number {
  return bytes.slice(at, at + length).reduce((sum, byte) => sum * 256 + byte, 0)
}
