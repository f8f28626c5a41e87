// Knows a promise when it sees one, whosever it is.

export function isPromise<Value>(value: Value | Promise<Value>): value is Promise<Value> {
  return typeof (value as { then?: unknown } | undefined | null)?.then === 'function'
}
