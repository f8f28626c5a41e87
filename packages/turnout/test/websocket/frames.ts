// Knows how frames look on the wire (RFC 6455 section 5.2), written plainly and apart from the library that is tested against it.

export interface PlainFrame {
  /** First byte: FIN, RSV bits, opcode. */
  readonly head: number
  /** Payload, not masked. */
  readonly payload: Buffer
  /** The four bytes of the key; undefined: not masked. */
  readonly key: Buffer | undefined
}

/** Bytes from hex as the RFC prints it: `81 05 48…`, spaces as you like. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
}

/** One frame; `key` as eight hex digits masks it. */
export function frame(head: number, payload: string | Uint8Array = '', key?: string): Buffer {
  const body = Buffer.from(payload as Uint8Array)
  const mask = key === undefined ? undefined : hex(key)
  const maskBit = mask === undefined ? 0 : 0x80
  const length = body.length
  const header =
    length < 126
      ? Buffer.from([head, maskBit | length])
      : length < 65_536
        ? Buffer.from([head, maskBit | 126, length >> 8, length & 0xff])
        : Buffer.concat([Buffer.from([head, maskBit | 127, 0, 0, 0, 0]), uint32(length)])
  if (mask === undefined) return Buffer.concat([header, body])
  return Buffer.concat([header, mask, xor(body, mask)])
}

/** Every frame in `bytes`, which must end with one. */
export function parseFrames(bytes: Buffer): PlainFrame[] {
  const frames: PlainFrame[] = []
  let at = 0
  const take = (count: number): Buffer => {
    if (at + count > bytes.length) throw new Error(`frame ${frames.length} is cut short`)
    at += count
    return bytes.subarray(at - count, at)
  }
  while (at < bytes.length) {
    const [head, second] = take(2) as unknown as [number, number]
    const short = second & 0x7f
    const length =
      short === 126 ? take(2).readUInt16BE() : short === 127 ? Number(take(8).readBigUInt64BE()) : short
    if (length < (short === 127 ? 65_536 : short === 126 ? 126 : 0))
      throw new Error('not the shortest length')
    const key = (second & 0x80) === 0 ? undefined : take(4)
    const payload = take(length)
    frames.push({ head, payload: key === undefined ? payload : xor(payload, key), key })
  }
  return frames
}

/** Frames as short words: `81 "text"` or `82 hex`, for comparing at a glance. */
export function shown(bytes: Buffer): string[] {
  return parseFrames(bytes).map(({ head, payload }) => {
    const text = (head & 0x0f) === 1 ? JSON.stringify(payload.toString()) : payload.toString('hex')
    return `${head.toString(16)} ${text}`.trim()
  })
}

/** A Close frame's body. */
export function closeBody(code: number, reason: string = ''): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)])
}

/** `bytes` cut into chunks of at most `size`, each in memory of its own, as a socket would read them. */
export function cut(bytes: Uint8Array, size: number): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) chunks.push(ownMemory(bytes.subarray(at, at + size)))
  return chunks
}

/** A copy that shares its memory with nothing. */
export function ownMemory(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}

function xor(body: Buffer, key: Buffer): Buffer {
  return Buffer.from(body.map((byte, at) => byte ^ key[at % 4]!))
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
