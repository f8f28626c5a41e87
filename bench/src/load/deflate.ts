// Knows permessage-deflate (RFC 7692) as far as the load needs it: the offer, what came of it, messages that stand
// alone, and answers that refer to those before them.
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'

/** What every connection of the load offers: what browsers do. */
export const offer = 'permessage-deflate; client_max_window_bits'

/** What a server made of the offer. */
export interface Agreement {
  readonly clientWindowBits: number
  readonly serverWindowBits: number
  /** The server's messages may refer to those before them. */
  readonly serverTakeover: boolean
}

/** What every message ends with before it is sent, and lacks on the wire (RFC 7692 section 7.2.1). */
const tail = Buffer.from([0x00, 0x00, 0xff, 0xff])

/** Reads the head of a 101. Throws when it does not take the offer up, or answers what was not offered. */
export function readAgreement(head: string): Agreement {
  const line = /^sec-websocket-extensions:(.*)$/im.exec(head)?.[1]?.trim()
  if (line === undefined) throw new Error('the server did not take up permessage-deflate')
  const [name, ...parameters] = line.split(';').map((part) => part.trim())
  if (name !== 'permessage-deflate' || !parameters.every((text) => known.test(text))) {
    throw new Error(`the server answered the extension "${line}"`)
  }
  const bits = (start: string): number =>
    Number(parameters.find((text) => text.startsWith(start))?.slice(start.length) ?? 15)
  return {
    clientWindowBits: bits('client_max_window_bits='),
    serverWindowBits: bits('server_max_window_bits='),
    serverTakeover: !parameters.includes('server_no_context_takeover'),
  }
}

// zlib has no raw windows of 8 bits to compress with, and no peer here asks for them.
const known = /^((client|server)_no_context_takeover|(client|server)_max_window_bits=(9|1[0-5]))$/

/** A payload that refers to no other message, so that it is right after any, with context takeover and without. */
export function compressAlone(plain: Buffer, windowBits: number): Buffer {
  const bytes = deflateRawSync(plain, { windowBits, finishFlush: constants.Z_SYNC_FLUSH })
  return bytes.subarray(0, bytes.length - tail.length)
}

/** Inflates the answers of one connection, each with the end of those before it as its dictionary. */
export class Inflater {
  readonly #windowBytes: number
  #window: Buffer = Buffer.alloc(0)
  #parts: Buffer[] = []
  #skipped = false

  constructor({ serverWindowBits, serverTakeover }: Agreement) {
    this.#windowBytes = serverTakeover ? 2 ** serverWindowBits : 0
  }

  /** A part of a payload; it is copied. */
  add(part: Buffer): void {
    this.#parts.push(Buffer.from(part))
  }

  /** The message whose parts were added. */
  end(): Buffer {
    if (this.#skipped) throw new Error('an answer cannot be inflated when one before it was not')
    const compressed = Buffer.concat([...this.#parts, tail])
    this.#parts = []
    const plain = inflateRawSync(compressed, {
      finishFlush: constants.Z_SYNC_FLUSH,
      ...(this.#window.length > 0 && { dictionary: this.#window }),
    })
    const seen = Buffer.concat([this.#window, plain])
    this.#window = seen.subarray(Math.max(0, seen.length - this.#windowBytes))
    return plain
  }

  /** A message went by without being inflated. */
  skip(): void {
    this.#skipped = this.#windowBytes > 0
    this.#parts = []
  }
}
