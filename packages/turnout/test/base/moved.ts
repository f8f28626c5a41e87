// Knows how much is moved in memory while something runs: slots of arrays, and bytes. What is linear moves no more
// than a few for each thing that goes through, however many there are, on any machine.

export interface Moved {
  slots: number
  bytes: number
}

type Method = (this: unknown, ...args: unknown[]) => unknown
type Measure = (self: ArrayLike<unknown>, args: unknown[], result: unknown) => number

const lengthOf = (value: unknown): number => (value as ArrayLike<unknown> | undefined)?.length ?? 0

/** What each way to move costs. */
const SLOTS: { readonly [name: string]: Measure } = {
  shift: (self) => self.length,
  unshift: (self) => self.length,
  splice: (self, _, removed) => self.length + lengthOf(removed),
  slice: (_, __, copy) => lengthOf(copy),
  concat: (_, __, whole) => lengthOf(whole),
  copyWithin: (self) => self.length,
  fill: (self, [, from = 0, to = self.length]) => (to as number) - (from as number),
}
const BYTES: { readonly [name: string]: Measure } = {
  set: (_, [source]) => lengthOf(source),
  slice: (_, __, copy) => lengthOf(copy),
  copyWithin: (self) => self.length,
}
const BUFFERS: { readonly [name: string]: Measure } = {
  copy: (_, __, copied) => copied as number,
}
const MAKERS: { readonly [name: string]: Measure } = {
  concat: (_, __, whole) => lengthOf(whole),
  from: (_, [source], made) => (ArrayBuffer.isView(source) ? lengthOf(made) : 0),
}

/** Runs `act` to its end and tells what was moved. Nothing else may run meanwhile. */
export async function movedBy(act: () => unknown): Promise<Moved> {
  const moved: Moved = { slots: 0, bytes: 0 }
  const restore = [
    ...count(Array.prototype, SLOTS, (slots) => (moved.slots += slots)),
    ...count(Object.getPrototypeOf(Uint8Array.prototype), BYTES, (bytes) => (moved.bytes += bytes)),
    ...count(Buffer.prototype, BUFFERS, (bytes) => (moved.bytes += bytes)),
    ...count(Buffer, MAKERS, (bytes) => (moved.bytes += bytes)),
  ]
  try {
    await act()
  } finally {
    for (const one of restore) one()
  }
  return moved
}

function count(owner: object, measures: { readonly [name: string]: Measure }, add: (n: number) => void) {
  return Object.entries(measures).map(([name, measure]) => {
    const kept = Object.getOwnPropertyDescriptor(owner, name)!
    const method = kept.value as Method
    const counting: Method = function (...args) {
      const result = method.apply(this, args)
      add(measure(this as ArrayLike<unknown>, args, result))
      return result
    }
    Object.defineProperty(owner, name, { ...kept, value: counting })
    return () => Object.defineProperty(owner, name, kept)
  })
}
