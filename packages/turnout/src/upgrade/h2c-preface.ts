// Knows how the first bytes of an HTTP/2 client are waited for on a connection that has just switched, and how
// the request that began it is put behind them.
import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import type { Clock } from '../base/clock.ts'
import { takeBuffered } from '../transport/buffered.ts'
import {
  ACK,
  FRAME_HEADER_BYTES,
  MAX_FRAME_BYTES,
  PREFACE,
  readFrameHeader,
  SETTINGS,
  settingsFrame,
} from './h2c-frames.ts'

export interface PrefaceWait {
  readonly stream: Duplex
  /** Payload of HTTP2-Settings: in force before the client's own SETTINGS. */
  readonly settings: Buffer
  /** Frames of the request that began it. */
  readonly request: Buffer
  readonly timeoutMs: number
  readonly clock: Clock
  /** The stream now reads as if the whole of it had come in HTTP/2. */
  onReady(): void
}

/**
 * Waits for the client's preface and its SETTINGS, and puts them back as preface, one SETTINGS of both, and the
 * request. One frame, because the settings in the field are never acknowledged (RFC 7540 section 3.2.1): two
 * would be acknowledged twice. Whatever is no preface, or comes too late, ends the connection.
 */
export function awaitPreface(wait: PrefaceWait): void {
  const { stream } = wait
  let came: Buffer = Buffer.alloc(0)
  const stop = () => {
    alarm.cancel()
    stream.off('readable', look)
    stream.off('end', giveUp)
    stream.off('close', stop)
  }
  const giveUp = () => {
    stop()
    stream.destroy()
  }
  const look = () => {
    const chunk = takeBuffered(stream)
    // only who reads hears of the end
    if (chunk.length === 0) return void stream.read()
    came = came.length === 0 ? chunk : Buffer.concat([came, chunk])
    const state = progress(came)
    if (state === 'more') return
    if (state === 'wrong') return giveUp()
    stop()
    const end = PREFACE.length + FRAME_HEADER_BYTES + state
    const own = came.subarray(PREFACE.length + FRAME_HEADER_BYTES, end)
    const settings = settingsFrame(Buffer.concat([wait.settings, own]))
    stream.unshift(Buffer.concat([PREFACE, settings, wait.request, came.subarray(end)]))
    wait.onReady()
  }
  const alarm = wait.clock.after(wait.timeoutMs, giveUp)
  stream.on('end', giveUp)
  stream.on('close', stop)
  stream.on('readable', look)
}

/** Of a preface and a SETTINGS frame: how long the frame's payload is, once all of it is there. */
function progress(came: Buffer): number | 'more' | 'wrong' {
  const length = Math.min(came.length, PREFACE.length)
  if (!came.subarray(0, length).equals(PREFACE.subarray(0, length))) return 'wrong'
  if (came.length < PREFACE.length + FRAME_HEADER_BYTES) return 'more'
  const { bytes, type, flags, streamId } = readFrameHeader(came, PREFACE.length)
  const isSettings = type === SETTINGS && (flags & ACK) === 0 && streamId === 0
  if (!isSettings || bytes % 6 !== 0 || bytes > MAX_FRAME_BYTES) return 'wrong'
  return came.length < PREFACE.length + FRAME_HEADER_BYTES + bytes ? 'more' : bytes
}
