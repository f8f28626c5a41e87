// Knows RFC 6455 once more, written as slowly as possible: one function over bytes that are all there.
import { hex } from './hex.ts'
import { binary, ping, pong, text } from './log.ts'

/** What an endpoint makes of the bytes that its peer sent. */
export interface Reading {
  /** What the application hears, in the notation of log.ts. */
  readonly events: readonly string[]
  /** Pongs, without masks, in hex. */
  readonly answers: readonly string[]
  readonly end: ReadingEnd
}

export type ReadingEnd =
  /** Goes on. `mayFail`: what came of an incomplete frame breaks a rule already; a quick reader has failed with this. */
  | { readonly kind: 'open'; readonly mayFail: number | undefined }
  | { readonly kind: 'failed'; readonly code: number }
  | { readonly kind: 'closed'; readonly code: number; readonly reason: string }

export const MAX_MESSAGE_BYTES = 1_048_576

/** Reads what came as an endpoint of that role has to. */
export function read(
  role: 'server' | 'client',
  input: Uint8Array,
  maxMessageBytes = MAX_MESSAGE_BYTES,
): Reading {
  const events: string[] = []
  const answers: string[] = []
  const reading = (end: ReadingEnd): Reading => ({ events, answers, end })
  const failed = (code: number) => reading({ kind: 'failed', code })
  const open = (mayFail?: number) => reading({ kind: 'open', mayFail })
  let message: { readonly opcode: number; payload: Buffer } | undefined
  let rest = Buffer.from(input)

  for (;;) {
    const header = readHeader(rest)
    const broken = brokenRule(role, header, message !== undefined)
    if (!header.complete) return open(broken ?? tooBig(header, message?.payload.length ?? 0, maxMessageBytes))
    if (broken !== undefined) return failed(broken)
    const isControl = header.opcode >= 8
    const before = isControl || message === undefined ? Buffer.alloc(0) : message.payload
    const over = tooBig(header, before.length, maxMessageBytes)
    if (over !== undefined) return failed(over)
    const body = rest.subarray(header.bytes, header.bytes + header.length)
    const payload = Buffer.from(body.map((byte, at) => byte ^ (header.key?.[at % 4] ?? 0)))
    const whole = body.length === header.length
    if (!isControl) {
      message ??= { opcode: header.opcode, payload: before }
      message.payload = Buffer.concat([before, payload])
      if (message.opcode === 1 && utf8Fault(message.payload) >= 0) return whole ? failed(1007) : open(1007)
    }
    if (!whole) return open()
    rest = rest.subarray(header.bytes + header.length)

    if (header.opcode === 8) return reading(readClose(payload))
    if (header.opcode === 9) {
      events.push(ping(payload))
      answers.push(hex(Buffer.concat([Buffer.of(0x8a, payload.length), payload])))
    } else if (header.opcode === 10) events.push(pong(payload))
    else if (header.fin) {
      const { opcode, payload: all } = message!
      if (opcode === 1 && !endsWhole(all)) return failed(1007)
      events.push(opcode === 1 ? text(all.toString()) : binary(all))
      message = undefined
    }
  }
}

interface Header {
  /** Whether the header, with its mask key, is all there. Else its fields hold what could be seen. */
  readonly complete: boolean
  readonly fin: boolean
  readonly rsv: number
  readonly opcode: number
  readonly masked: boolean | undefined
  readonly length: number
  /** The top bit of a length in 64 bits. */
  readonly topBit: boolean
  /** 7, 16 or 64; undefined while the length is not all there. */
  readonly lengthBits: number | undefined
  readonly key: Uint8Array | undefined
  readonly bytes: number
}

/** A frame that did not begin yet looks like one that breaks no rule. */
function readHeader(input: Buffer): Header {
  const [first = 0x89, second] = input
  const masked = second === undefined ? undefined : second >= 128
  const short = (second ?? 0) % 128
  const lengthBits = short === 126 ? 16 : short === 127 ? 64 : 7
  const keyAt = 2 + (lengthBits === 7 ? 0 : lengthBits / 8)
  const bytes = keyAt + (masked ? 4 : 0)
  const lengthThere = second !== undefined && input.length >= keyAt
  let length = short
  if (lengthThere && lengthBits === 16) length = input.readUInt16BE(2)
  if (lengthThere && lengthBits === 64) length = Number(input.readBigUInt64BE(2))
  return {
    complete: second !== undefined && input.length >= bytes,
    fin: first >= 128,
    rsv: (first >> 4) % 8,
    opcode: first % 16,
    masked,
    length,
    topBit: lengthBits === 64 && (input[2] ?? 0) >= 128,
    lengthBits: lengthThere ? lengthBits : undefined,
    key: masked && input.length >= bytes ? input.subarray(keyAt, bytes) : undefined,
    bytes,
  }
}

/** 1002 when the header breaks a rule of section 5, else undefined. */
function brokenRule(role: 'server' | 'client', header: Header, inMessage: boolean): number | undefined {
  const { opcode, lengthBits, length, masked } = header
  const rules = [
    masked === undefined || masked === (role === 'server'), // 5.1
    header.rsv === 0, // 5.2
    [0, 1, 2, 8, 9, 10].includes(opcode), // 5.2
    lengthBits !== 16 || length > 125, // 5.2
    lengthBits !== 64 || (length > 65_535 && !header.topBit), // 5.2
    opcode < 8 || header.fin, // 5.4
    opcode < 8 || length < 126, // 5.5
    opcode !== 0 || inMessage, // 5.4
    opcode === 0 || opcode > 7 || !inMessage, // 5.4
  ]
  return rules.every((kept) => kept) ? undefined : 1002
}

function tooBig(header: Header, before: number, maxMessageBytes: number): number | undefined {
  const known = header.lengthBits !== undefined && header.opcode < 8
  return known && before + header.length > maxMessageBytes ? 1009 : undefined
}

function readClose(body: Buffer): ReadingEnd {
  if (body.length === 0) return { kind: 'closed', code: 1005, reason: '' }
  if (body.length === 1) return { kind: 'failed', code: 1002 }
  const code = body.readUInt16BE(0)
  if (!mayTravel(code)) return { kind: 'failed', code: 1002 }
  const reason = body.subarray(2)
  if (utf8Fault(reason) >= 0 || !endsWhole(reason)) return { kind: 'failed', code: 1007 }
  return { kind: 'closed', code, reason: reason.toString() }
}

/** Whether a Close frame may bear this code (section 7.4, and what IANA has registered since). */
export function mayTravel(code: number): boolean {
  const registered = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]
  return registered.includes(code) || (code >= 3000 && code <= 4999)
}

/** What may follow the first byte of a code point: Unicode's table of well-formed sequences, a row a line. */
const WELL_FORMED: readonly (readonly [first: number, last: number, ...following: [number, number][]])[] = [
  [0x00, 0x7f],
  [0xc2, 0xdf, [0x80, 0xbf]],
  [0xe0, 0xe0, [0xa0, 0xbf], [0x80, 0xbf]],
  [0xe1, 0xec, [0x80, 0xbf], [0x80, 0xbf]],
  [0xed, 0xed, [0x80, 0x9f], [0x80, 0xbf]],
  [0xee, 0xef, [0x80, 0xbf], [0x80, 0xbf]],
  [0xf0, 0xf0, [0x90, 0xbf], [0x80, 0xbf], [0x80, 0xbf]],
  [0xf1, 0xf3, [0x80, 0xbf], [0x80, 0xbf], [0x80, 0xbf]],
  [0xf4, 0xf4, [0x80, 0x8f], [0x80, 0xbf], [0x80, 0xbf]],
]

/** Index of the byte with which the text can become UTF-8 no more; -1 while it still can (section 8.1). */
export function utf8Fault(input: Uint8Array): number {
  let following: (readonly [number, number])[] = []
  for (const [at, byte] of input.entries()) {
    const range = following.shift()
    if (range !== undefined) {
      if (byte < range[0] || byte > range[1]) return at
      continue
    }
    const row = WELL_FORMED.find(([first, last]) => byte >= first && byte <= last)
    if (row === undefined) return at
    following = row.slice(2) as [number, number][]
  }
  return -1
}

/** Whether a text without fault ends between two code points. */
export function endsWhole(input: Uint8Array): boolean {
  // a byte that begins a code point always fits behind a whole one, and never inside one
  return utf8Fault(Buffer.concat([input, Buffer.of(0x61)])) < 0
}
