// Knows a text as services send it: records of JSON with names that repeat and values that do not.

const people = ['amara', 'bruno', 'chidi', 'dagny', 'elif', 'farid', 'greta', 'hiro', 'ines', 'jonas']
const states = ['open', 'paid', 'packed', 'shipped', 'returned']
const goods = ['kettle', 'lamp', 'desk chair', 'notebook', 'bicycle pump', 'tea towel', 'radio', 'ladder']

/** That many bytes of ASCII; the same `seed` gives the same text in every run, another one another text. */
export function jsonText(sizeBytes: number, seed: number): string {
  // Numerical Recipes' generator: its upper bits are good enough for a text, and a text must not change by the run.
  let state = Math.imul(seed + 1, 0x9e3779b9) >>> 0
  const below = (limit: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
  const one = (words: readonly string[]): string => words[below(words.length)]!
  const two = (limit: number): string => String(below(limit)).padStart(2, '0')
  const record = (): string =>
    JSON.stringify({
      id: below(10_000_000),
      customer: `${one(people)}.${below(1000)}`,
      state: one(states),
      items: [{ name: one(goods), count: 1 + below(5), price: below(20_000) / 100 }],
      express: below(2) === 1,
      changed: `2026-1${below(3)}-${10 + below(19)}T${two(24)}:${two(60)}:${two(60)}.${100 + below(900)}Z`,
    })
  let text = `[${record()}`
  while (text.length < sizeBytes) text += `,${record()}`
  return text.slice(0, sizeBytes)
}
