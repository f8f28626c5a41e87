// Knows how to hold the event loop up, as an application does that is busy.

export function holdUp(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
