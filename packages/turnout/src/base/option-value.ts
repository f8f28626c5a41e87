// Knows what the value of an option may be: a number, a function, one of a few names. An absent one always passes,
// and one that is undefined is absent.
import { MisuseError, shown } from './errors.ts'

/** @throws MisuseError ERR_INVALID_ARGUMENT */
export function assertFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw oddOption(name, value, 'a function')
}

/** Infinity passes. @throws MisuseError ERR_INVALID_ARGUMENT */
export function assertFromZero(name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'number' && value >= 0)) return
  throw oddOption(name, value, 'a number from 0 up')
}

/** Infinity passes. @throws MisuseError ERR_INVALID_ARGUMENT */
export function assertAboveZero(name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'number' && value > 0)) return
  throw oddOption(name, value, 'a number above 0')
}

/** @throws MisuseError ERR_INVALID_ARGUMENT */
export function assertOneOf(name: string, value: unknown, choices: readonly string[]): void {
  if (value === undefined || choices.includes(value as string)) return
  throw oddOption(name, value, choices.join(' or '))
}

/** @throws MisuseError ERR_INVALID_ARGUMENT */
export function assertSignal(value: unknown): void {
  if (value === undefined) return
  const { aborted, addEventListener } = (value ?? {}) as Partial<AbortSignal>
  if (typeof aborted === 'boolean' && typeof addEventListener === 'function') return
  throw oddOption('signal', value, 'an AbortSignal')
}

/** Without what is undefined, so that it can be spread over defaults, or handed to Node. */
export function given<Options extends object | undefined>(options: Options): Options {
  if (options === undefined) return options
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options
}

/** Says what an option is, and what it may be. */
export function oddOption(name: string, value: unknown, wanted: string): MisuseError {
  return new MisuseError('ERR_INVALID_ARGUMENT', `option ${name} is ${shown(value)}, not ${wanted}`)
}
