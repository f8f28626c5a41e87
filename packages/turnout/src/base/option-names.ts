// Knows which names an options object may have: what is no object is misuse; of an unknown name, which quietly does
// nothing, somebody is told once.
import process from 'node:process'
import { MisuseError, shown } from './errors.ts'

/** What is known of a name: `true`, or the names of the options inside. */
export type Known = true | Names
export interface Names {
  readonly [name: string]: Known
}

/** Every name of an options type and no other, so that a table beside the type cannot drift from it. */
export type OptionNames<Options> = { readonly [Name in keyof Options]-?: Known }

/**
 * Lets an object pass. Other names than the known ones are no error, since an object may be meant for others, too:
 * each is a process warning with the code TURNOUT_UNKNOWN_OPTION, once for each place.
 * @param example what to write instead of what is no object
 * @throws MisuseError ERR_INVALID_ARGUMENT
 */
export function assertOptions(place: string, options: unknown, names: Names, example?: string): void {
  assertObject(place, options, example)
  look(place, options, names)
}

/** The same where any name may stand. @throws MisuseError ERR_INVALID_ARGUMENT */
export function assertObject(place: string, options: unknown, example?: string): asserts options is object {
  if (typeof options === 'object' && options !== null && !Array.isArray(options)) return
  const wanted = example === undefined ? 'an object of options' : `an object of options, such as ${example}`
  throw new MisuseError('ERR_INVALID_ARGUMENT', `${place} wants ${wanted}; this is ${shown(options)}`)
}

/** The name that was meant, as far as one can tell. */
export function meantBy(name: string, names: Names): string | undefined {
  const foreign = FOREIGN.get(name)
  if (foreign !== undefined && Object.hasOwn(names, foreign)) return foreign
  let nearest: string | undefined
  let least = Math.floor(name.length / 3) + 1
  for (const known of Object.keys(names)) {
    const distance = distanceOf(name.toLowerCase(), known.toLowerCase())
    if (distance < least) [nearest, least] = [known, distance]
  }
  return nearest
}

function look(place: string, options: object, names: Names): void {
  for (const [name, value] of Object.entries(options)) {
    const known = Object.hasOwn(names, name) ? names[name] : undefined
    if (known === true || value === undefined) continue
    if (known === undefined) tell(place, name, names)
    else if (isPlain(value)) look(`${place}: ${name}`, value, known)
  }
}

function tell(place: string, name: string, names: Names): void {
  const key = `${place} ${name}`
  // names that the application takes from elsewhere must not fill the memory
  if (told.has(key) || told.size >= MOST_TOLD) return
  told.add(key)
  const meant = meantBy(name, names)
  const hint = meant === undefined ? (ELSEWHERE.get(key) ?? '') : `; did you mean ${meant}?`
  process.emitWarning(`${place} has no option ${name}${hint}`, { code: 'TURNOUT_UNKNOWN_OPTION' })
}

const told = new Set<string>()
const MOST_TOLD = 200

/** What other libraries call it, where no likeness would lead there. */
const FOREIGN: ReadonlyMap<string, string> = new Map([
  ['maxPayload', 'maxMessageBytes'],
  ['maxPayloadLength', 'maxMessageBytes'],
  ['maxHttpBufferSize', 'maxMessageBytes'],
  ['perMessageDeflate', 'compression'],
  ['decisionTimeoutMs', 'decisionTimeout'],
  ['graceMs', 'grace'],
  ['timeout', 'timeoutMs'],
  ['handshakeTimeout', 'timeoutMs'],
  ['followRedirects', 'maxRedirects'],
  ['verifyClient', 'accept'],
  ['handleProtocols', 'protocols'],
  ['subprotocols', 'protocols'],
  ['cors', 'origins'],
  ['connection', 'open'],
  ['error', 'onError'],
  ['pingInterval', 'heartbeat'],
  ['pingTimeout', 'heartbeat'],
  ['maxBackpressure', 'maxBufferedBytes'],
  ['backpressureLimit', 'maxBufferedBytes'],
  ['rejectUnauthorized', 'tls'],
  ['ca', 'tls'],
  ['cert', 'tls'],
  ['key', 'tls'],
])

/** By place and name: what other libraries take there as an option, and is said in another way here. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['createTurnout server', ': a server is given to attach(server)'],
  ['createTurnout httpServer', ': a server is given to attach(server)'],
  ['createTurnout origins', ': an option of each route'],
  ['createTurnout path', ': the first argument of websocket(path, options)'],
  ['createTurnout clientTracking', ': keep a Set of your own, from `open` to `close`'],
  ['createTurnout port', ': let a server of your own listen, and give it to attach(server)'],
  [
    'createTurnout noServer',
    ': nothing is served without attach(server) or upgrade(request, response, handler)',
  ],
])

/** Whether it is an object as one writes it, and not of some class. */
export function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** How many letters must be put in, taken out or changed to make one of the other. */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const change = row[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, change))
    }
    row = next
  }
  return row[other.length]!
}
