// Knows whose engine works on a message: the connection's own, whose window lives on, or one lent for the time.
import { Queue } from '../base/queue.ts'
import { Engine, type EngineSettings } from './zlib-engine.ts'

export interface EngineSource {
  /** An engine for one message. @throws when there is no memory for it, or after `release`. */
  take(): Engine
  /** The message is done, or the engine is closed. */
  giveBack(engine: Engine): void
  /** Gives the memory back for as long as there is nothing to do. False: there is something to do just now. */
  rest(): boolean
  /** The connection is over. */
  release(): void
}

/** One engine for one connection, made with the first message. It keeps its window. */
export class OwnEngine implements EngineSource {
  readonly #settings: EngineSettings
  #engine: Engine | undefined
  #taken = false
  #released = false

  constructor(settings: EngineSettings) {
    this.#settings = settings
  }

  take(): Engine {
    if (this.#released) throw new Error('the connection is over')
    this.#engine ??= new Engine(this.#settings)
    this.#taken = true
    return this.#engine
  }

  giveBack(engine: Engine): void {
    this.#taken = false
    if (engine.closed) this.#engine = undefined
  }

  rest(): boolean {
    if (this.#taken) return false
    this.#engine?.close()
    this.#engine = undefined
    return true
  }

  release(): void {
    this.#released = true
    this.#engine?.close()
    this.#engine = undefined
  }
}

/** Engines for all connections of one setting that keep no window. They are empty whenever they change hands. */
class LentEngines implements EngineSource {
  readonly #settings: EngineSettings
  readonly #idle: Engine[] = []

  constructor(settings: EngineSettings) {
    this.#settings = settings
  }

  take(): Engine {
    return this.#idle.pop() ?? new Engine(this.#settings)
  }

  giveBack(engine: Engine): void {
    if (engine.closed) return
    if (this.#idle.length >= MOST_APART) return engine.close()
    engine.restart()
    this.#idle.push(engine)
  }

  rest(): boolean {
    return true
  }

  release(): void {}
}

/** As many as there are settings in use: a handful. */
const lent = new Map<string, EngineSource>()

/** Nobody's own: what a connection without context takeover works with. */
export function lentEngines(settings: EngineSettings): EngineSource {
  const { kind, windowBits, level, memLevel } = settings
  const key = `${kind} ${windowBits} ${level} ${memLevel}`
  let engines = lent.get(key)
  if (engines === undefined) {
    engines = new LentEngines(settings)
    lent.set(key, engines)
  }
  return engines
}

/** As many as Node has threads, unless told otherwise; files and host names wait for the same ones. */
const MOST_APART = 4

let atWork = 0
const waiting = new Queue<() => void>()

/** Does `work`, which is the thread pool's, when fewer than four such are being done. In the order of asking. */
export async function apart<Result>(work: () => Promise<Result>): Promise<Result> {
  if (atWork < MOST_APART) atWork++
  // whoever ends hands its place over
  else await new Promise<void>((resolve) => waiting.push(resolve))
  try {
    return await work()
  } finally {
    const next = waiting.take()
    if (next === undefined) atWork--
    else next()
  }
}
