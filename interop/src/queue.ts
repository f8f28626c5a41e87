// Knows what has happened and not been asked for yet.

export interface Queue<Value> {
  push(value: Value): void
  next(): Promise<Value>
}

export function createQueue<Value>(): Queue<Value> {
  const values: Value[] = []
  const waiting: ((value: Value) => void)[] = []
  return {
    push(value) {
      const first = waiting.shift()
      if (first === undefined) values.push(value)
      else first(value)
    },
    next: () =>
      values.length > 0
        ? Promise.resolve(values.shift() as Value)
        : new Promise((resolve) => waiting.push(resolve)),
  }
}
