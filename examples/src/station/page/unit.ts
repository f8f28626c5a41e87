// Knows what an HTTP/2 frame and a TLS record have in common for a reader's eyes.
import type { Bytes } from './bytes.ts'

/** A run of bytes that means one thing. */
export interface UnitPiece {
  readonly part: 'length' | 'type' | 'flags' | 'stream' | 'version' | 'payload'
  readonly bytes: Bytes
  /** What the bytes say, in a word or two. */
  readonly says: string
}

/** What a protocol cuts its bytes into. */
export interface Unit {
  /** `SETTINGS`, `application_data`, … */
  readonly name: string
  /** All of it in a few words, for the diagram. */
  readonly label: string
  /** It steers the connection, and carries nothing of the application. */
  readonly control: boolean
  /** What it says, by name and value. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** As it went over the wire, in order. */
  readonly pieces: readonly UnitPiece[]
}

/** Bytes of one direction in, units out, however the bytes are cut. */
export interface UnitReader {
  read(bytes: Bytes): Unit[]
}
