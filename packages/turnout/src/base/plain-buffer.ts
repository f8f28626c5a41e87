// Knows the type of a Buffer whose memory nobody else's thread sees, in words that TypeScript has had since 5.4.
import type { Buffer } from 'node:buffer'

/** What newer types call `Buffer<ArrayBuffer>`. */
export type PlainBuffer = Buffer & { readonly buffer: ArrayBuffer }
