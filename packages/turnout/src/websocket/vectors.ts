// Knows the code that works on frames in linear memory, by vectors of sixteen bytes: frames.wat says what it does.
import { instantiate } from '../base/linear.ts'
import { code } from './frames-code.ts'

interface Vectors {
  mask(at: number, end: number, key: number): number
  scan(at: number, end: number, entry: number, last: number): number
}

/** Undefined where it cannot run: the plain forms do the same. */
export const vectors: Vectors | undefined = instantiate<Vectors>(code)
