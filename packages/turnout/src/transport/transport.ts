// Knows what every carrier of bytes has in common: TCP, TLS, an HTTP/2 stream, a pair in memory.
import type { Buffer } from 'node:buffer'

/** Who hears what arrives. Called only after `start`, never from within it. */
export interface TransportSink {
  /** Bytes, in order. They may be changed in place; whoever keeps them makes a copy of what is `lent`. */
  onData(chunk: Buffer): void
  /** The peer will send nothing more (FIN, END_STREAM). */
  onEnd(): void
  /** What was written has left; write on. */
  onDrain(): void
  /** It is `settled`, later than `write` returned. Told by a transport that `tellsSettled`. */
  onSettled?(): void
  /** Over, in both directions; the last call. */
  onClose(error?: Error): void
}

/** A two-way pipe of bytes. Bytes that were read before it was handed over come out of it first. */
export interface Transport {
  /** Begins to read. Nothing is delivered before the current turn of the event loop's JavaScript ends. */
  start(sink: TransportSink): void
  /** Writes the pieces as one unit. False: wait for `onDrain` before you write much more. The pieces must not change afterwards. */
  write(pieces: readonly Uint8Array[]): boolean
  /** Bytes written that the operating system (or the peer's window) has not taken yet. */
  readonly bufferedBytes: number
  /** What was written is looked at no more: its memory may be used for something else. Never true in error. */
  readonly settled: boolean
  /** Whether the sink hears of it where it comes later. Default false. */
  readonly tellsSettled?: boolean
  /** No `onData` until `resume`; the peer is slowed by TCP. */
  pause(): void
  resume(): void
  /** Ends our direction once everything written has left. */
  end(): void
  /**
   * For when the peer sends nothing more either: ends both directions at once if nothing can get lost by that. False:
   * `end` it is.
   */
  close?(): boolean
  /** Ends both directions now. */
  destroy(error?: Error): void
}
