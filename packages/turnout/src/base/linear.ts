// Knows the one piece of memory that WebAssembly works on (its specification calls such memory linear): what lies where
// in it, and how code comes to it.
import { Buffer } from 'node:buffer'
import type { PlainBuffer } from './plain-buffer.ts'

/** Memory grows by pages of this size. */
const PAGE_BYTES = 65_536

/** Where what is read from a connection lies, see lent.ts. */
export const LENT_AT = 0
/** Twice what Node reads from a socket at a time: a message of 64 KiB and its header come in one read. */
export const LENT_BYTES = 131_072

/** Where something from elsewhere can be laid for as long as code works on it. */
export const BENCH_AT: number = LENT_AT + LENT_BYTES
export const BENCH_BYTES = 16_384

/** Where code lists what it has found. */
export const TABLE_AT: number = BENCH_AT + BENCH_BYTES
export const TABLE_BYTES = 12_288

const PAGES = Math.ceil((TABLE_AT + TABLE_BYTES) / PAGE_BYTES)

/** As much of the standard's interface as is used; it comes with the types of the DOM, which the library is free of. */
interface WebAssemblyApi {
  Memory: new (pages: { initial: number; maximum: number }) => LinearMemory
  Module: new (code: Uint8Array) => object
  Instance: new (module: object, imports: object) => { readonly exports: object }
}

interface LinearMemory {
  readonly buffer: ArrayBuffer
}

const api = (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly
const memory = createMemory()

/** The memory; an ordinary one where WebAssembly is switched off or gets none. */
export const linear: ArrayBuffer = memory?.buffer ?? new ArrayBuffer(PAGES * PAGE_BYTES)

/** Views of a part of it. */
export function linearBytes(at: number, length: number): PlainBuffer {
  return Buffer.from(linear, at, length)
}

/** What a module exports that works on this memory; undefined where such code cannot run. */
export function instantiate<Exports extends object>(code: Uint8Array): Exports | undefined {
  if (api === undefined || memory === undefined) return undefined
  try {
    return new api.Instance(new api.Module(code), { turnout: { memory } }).exports as Exports
  } catch {
    // no vectors in this processor or engine, or a policy against code made at run time
    return undefined
  }
}

function createMemory(): LinearMemory | undefined {
  try {
    return api && new api.Memory({ initial: PAGES, maximum: PAGES })
  } catch {
    return undefined
  }
}
