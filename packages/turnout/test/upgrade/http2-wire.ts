// Knows how to play an HTTP/2 client, frame by frame on a wire or with a session of node:http2.
import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  connect as connectHttp2,
} from 'node:http2'
import { PREFACE, readFrameHeader, requestFrames, settingsFrame } from '../../src/upgrade/h2c-frames.ts'
import { http2Request } from '../../src/upgrade/h2c-request.ts'
import { upgradeHead, type Wire } from './wire.ts'

/** What curl sends. */
export const CURL_SETTINGS = 'AAMAAABkAAQCAAAAAAIAAAAA'

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  readonly payload: Buffer
}

export function h2cHead(
  options: {
    readonly method?: string
    readonly path?: string
    readonly upgrade?: string
    readonly settings?: readonly string[]
    readonly connection?: string
    readonly fields?: readonly string[]
  } = {},
): string {
  const { settings = [CURL_SETTINGS], upgrade = 'h2c', fields = [], ...others } = options
  return upgradeHead({
    connection: 'Upgrade, HTTP2-Settings',
    ...others,
    upgrade,
    fields: [...settings.map((value) => `HTTP2-Settings: ${value}`), ...fields],
  })
}

/** The preface and an empty SETTINGS. */
export const clientStart: Buffer = Buffer.concat([PREFACE, settingsFrame(Buffer.alloc(0))])

export async function nextFrame(wire: Wire): Promise<Frame> {
  const { bytes, type, flags, streamId } = readFrameHeader(Buffer.from(await wire.take(9), 'latin1'))
  return { type, flags, streamId, payload: Buffer.from(await wire.take(bytes), 'latin1') }
}

/** Frames up to the one that ends that stream. */
export async function framesUntilEnd(wire: Wire, streamId: number): Promise<Frame[]> {
  const frames: Frame[] = []
  for (;;) {
    const frame = await nextFrame(wire)
    frames.push(frame)
    const ends = frame.type === 3 || (frame.type <= 1 && (frame.flags & 1) === 1)
    if (frame.streamId === streamId && ends) return frames
  }
}

export function dataOf(frames: readonly Frame[], streamId: number): string {
  const data = frames.filter((frame) => frame.type === 0 && frame.streamId === streamId)
  return Buffer.concat(data.map(({ payload }) => payload)).toString('latin1')
}

export function frameOf(type: number, flags: number, streamId: number, payload = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(9)
  header.writeUIntBE(payload.length, 0, 3)
  header.writeUInt8(type, 3)
  header.writeUInt8(flags, 4)
  header.writeUInt32BE(streamId, 5)
  return Buffer.concat([header, payload])
}

/** A request on another stream than the first. */
export function getOn(streamId: number, path: string): Buffer {
  const bytes = requestFrames(http2Request({ method: 'GET', url: path, rawHeaders: ['Host', 'x'] })!)
  bytes.writeUInt32BE(streamId, 5)
  return bytes
}

/** A session of which the server's SETTINGS are known. Whoever asked for it destroys it. */
export async function openSession(
  url: string,
  options: ClientSessionOptions = {},
): Promise<ClientHttp2Session> {
  const session = connectHttp2(url, { rejectUnauthorized: false, ...options }).on('error', () => {})
  await once(session, 'remoteSettings')
  return session
}

/** An extended CONNECT (RFC 8441 section 4), for a WebSocket at `/ws` unless `fields` say otherwise. */
export function extendedConnect(
  session: ClientHttp2Session,
  fields: Record<string, string | string[]> = {},
): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
    ':authority': 'house.example',
    ':path': '/ws',
    'sec-websocket-version': '13',
    ...fields,
  })
  stream.on('error', () => {})
  return stream
}
