// Knows what an `accept` may answer.
import { MisuseError, shown } from '../base/errors.ts'

/**
 * Lets an object pass with at least one of the known names, or none at all.
 * @throws MisuseError ERR_INVALID_ARGUMENT: a status or an empty text must let nobody in, and what stands in an
 * object under another name would be lost
 */
export function assertAccepted<Accepted extends object>(
  answer: unknown,
  known: readonly (keyof Accepted & string)[],
): asserts answer is Accepted {
  if (typeof answer !== 'object' || answer === null) {
    throw new MisuseError(
      'ERR_INVALID_ARGUMENT',
      `accept answered ${shown(answer)}, which is neither true, an object, a Response nor nothing`,
    )
  }
  for (const name of known) if (name in answer) return
  const [name] = Object.keys(answer)
  if (name === undefined) return
  throw new MisuseError(
    'ERR_INVALID_ARGUMENT',
    `accept answered an object with \`${name}\`: what the connection carries goes into \`data\``,
  )
}

/** Of whichever fetch it comes. */
export function isResponse(value: unknown): value is Response {
  // not `instanceof`: the global loads all of fetch, which needs WebAssembly on Node 20 and 22
  return Object.prototype.toString.call(value) === '[object Response]'
}
