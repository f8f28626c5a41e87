// Knows how to call those who are told of something: what they throw, or reject with, is a warning and ends nothing.
import process from 'node:process'
import { shown } from './errors.ts'

/** @param place where a failure is said to be, such as `in onError` */
export function tell(call: () => unknown, place: string = 'in onError'): void {
  const warnOf = (error: unknown) => warn(error, place)
  try {
    const returned = call() as { then?: unknown } | undefined | null
    if (typeof returned?.then === 'function') Promise.resolve(returned).catch(warnOf)
  } catch (error) {
    warnOf(error)
  }
}

/** Tells of what the user's code threw; where nobody asked to be told, it is a warning, with `place`. */
export function tellOrWarn<Told extends readonly [error: unknown, ...context: unknown[]]>(
  onError: ((...told: Told) => unknown) | undefined,
  told: Told,
  place: string | undefined,
): void {
  if (onError === undefined) warn(told[0], place)
  else tell(() => onError(...told))
}

/**
 * One warning of an error, with `place`, such as `in the handler of websocket /chat`, behind its message. The stack
 * goes as the detail: node prints that of no Error that it is given as a warning.
 */
export function warn(error: unknown, place?: string): void {
  const known = error instanceof Error ? error : new Error(`thrown: ${shown(error)}`)
  const { name, message, stack, code } = known as Error & { readonly code?: unknown }
  process.emitWarning([message, place].filter((part) => part !== '' && part !== undefined).join(', '), {
    type: typeof name === 'string' ? name : 'Error',
    ...(typeof code === 'string' && { code }),
    ...(typeof stack === 'string' && { detail: stack }),
  })
}
