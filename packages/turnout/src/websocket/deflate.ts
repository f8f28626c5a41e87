// Knows permessage-deflate (RFC 7692) as an extension: its options, its agreement, and what it does to messages.
import { type Alarm, type Clock, systemClock } from '../base/clock.ts'
import { MisuseError } from '../base/errors.ts'
import { DeflateContext, type DeflateSettings, InflateContext } from './deflate-context.ts'
import {
  answerDeflate,
  assertPreferences,
  confirmDeflate,
  DEFLATE,
  type DeflateAgreement,
  type DeflatePreferences,
  offerDeflate,
} from './deflate-offer.ts'
import { type Role, RSV1 } from './frame.ts'
import type { CompressionOptions } from './options.ts'
import type { Agreed, Extension, MessageTransform } from './transform.ts'

const DEFAULTS = {
  threshold: 1024,
  level: 1,
  memLevel: 8,
  offloadBytes: 65_536,
  idleReleaseMs: 30_000,
} as const

const DEFAULT_MAX_MESSAGE_BYTES = 1_048_576

/** The extension for the option `compression`; undefined when that is off. @throws MisuseError for odd options. */
export function compressionExtension(
  option: boolean | CompressionOptions | undefined,
): Extension | undefined {
  if (option === undefined || option === false) return undefined
  const options = option === true ? {} : option
  assertOptions(options)
  return new PermessageDeflate(options)
}

class PermessageDeflate implements Extension {
  readonly name = DEFLATE
  readonly rsv = RSV1
  readonly #options: CompressionOptions
  readonly #preferences: DeflatePreferences

  constructor(options: CompressionOptions) {
    this.#options = options
    this.#preferences = options
  }

  answer(offers: Parameters<Extension['answer']>[0]): Agreed | undefined {
    const choice = answerDeflate(offers, this.#preferences)
    return choice === undefined ? undefined : this.#agreed(choice.answer, choice.agreement)
  }

  offer(): ReturnType<Extension['offer']> {
    return [offerDeflate(this.#preferences)]
  }

  confirm(answer: Parameters<Extension['confirm']>[0]): Agreed {
    return this.#agreed(answer, confirmDeflate(answer, this.#preferences))
  }

  #agreed(answer: Agreed['answer'], agreement: DeflateAgreement): Agreed {
    return {
      answer,
      create: (role, { maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, clock = systemClock }) =>
        new DeflateTransform({ role, agreement, options: this.#options, maxMessageBytes, clock }),
    }
  }
}

interface TransformSetup {
  readonly role: Role
  readonly agreement: DeflateAgreement
  readonly options: CompressionOptions
  readonly maxMessageBytes: number
  readonly clock: Clock
}

class DeflateTransform implements MessageTransform {
  readonly rsv = RSV1
  readonly #threshold: number
  readonly #offloadBytes: number
  readonly #idleReleaseMs: number
  readonly #clock: Clock
  readonly #settings: DeflateSettings
  readonly #outTakeover: boolean
  readonly #out: DeflateContext
  readonly #in: InflateContext
  #usedAt = 0
  #alarm: Alarm | undefined

  constructor({ role, agreement, options, maxMessageBytes, clock }: TransformSetup) {
    const server = role === 'server'
    this.#threshold = options.threshold ?? DEFAULTS.threshold
    this.#offloadBytes = options.offloadBytes ?? DEFAULTS.offloadBytes
    this.#idleReleaseMs = options.idleReleaseMs ?? DEFAULTS.idleReleaseMs
    this.#clock = clock
    this.#settings = {
      // zlib compresses with no smaller window than 9, and then never reaches further back than 8 allows
      windowBits: Math.max(server ? agreement.serverMaxWindowBits : agreement.clientMaxWindowBits, 9),
      level: options.level ?? DEFAULTS.level,
      memLevel: options.memLevel ?? DEFAULTS.memLevel,
    }
    this.#outTakeover = !(server ? agreement.serverNoContextTakeover : agreement.clientNoContextTakeover)
    this.#out = this.#outTakeover ? new DeflateContext(this.#settings, true) : sharedContext(this.#settings)
    this.#in = new InflateContext(
      server ? agreement.clientMaxWindowBits : agreement.serverMaxWindowBits,
      !(server ? agreement.clientNoContextTakeover : agreement.serverNoContextTakeover),
      maxMessageBytes,
    )
  }

  wants(bytes: number): boolean {
    return bytes >= this.#threshold
  }

  encode(payload: Uint8Array): Buffer | Promise<Buffer> {
    if (this.#outTakeover) {
      this.#releaseWhenIdle()
      return this.#out.compress(payload, this.#offloadBytes)
    }
    if (payload.length <= this.#offloadBytes) return this.#out.compress(payload, this.#offloadBytes)
    // the shared context is for those who give it back at once
    const own = new DeflateContext(this.#settings, false)
    return Promise.resolve(own.compress(payload, this.#offloadBytes)).finally(() => own.release())
  }

  decode(payload: Buffer): Buffer | Promise<Buffer> {
    return this.#in.inflate(payload, this.#offloadBytes)
  }

  release(): void {
    this.#alarm?.cancel()
    this.#alarm = undefined
    if (this.#outTakeover) this.#out.release()
    this.#in.release()
  }

  /** Our window can be forgotten at any time between messages; the peer's cannot. */
  #releaseWhenIdle(): void {
    this.#usedAt = this.#clock.now()
    if (this.#alarm !== undefined || this.#idleReleaseMs === 0) return
    const look = () => {
      const idleMs = this.#clock.now() - this.#usedAt
      if (idleMs < this.#idleReleaseMs) {
        this.#alarm = this.#clock.after(this.#idleReleaseMs - idleMs, look)
        return
      }
      this.#alarm = undefined
      this.#out.release()
    }
    this.#alarm = this.#clock.after(this.#idleReleaseMs, look)
  }
}

/** One context for all connections that take none over: it is empty after each message anyway. */
const shared = new Map<string, DeflateContext>()

function sharedContext(settings: DeflateSettings): DeflateContext {
  const key = `${settings.windowBits}/${settings.level}/${settings.memLevel}`
  let context = shared.get(key)
  if (context === undefined) {
    context = new DeflateContext(settings, false)
    shared.set(key, context)
  }
  return context
}

function assertOptions(options: CompressionOptions): void {
  assertPreferences(options)
  assertRange('level', options.level, 0, 9)
  assertRange('memLevel', options.memLevel, 1, 9)
  assertRange('threshold', options.threshold, 0, Number.MAX_SAFE_INTEGER)
  assertRange('offloadBytes', options.offloadBytes, 0, Number.MAX_SAFE_INTEGER)
  assertRange('idleReleaseMs', options.idleReleaseMs, 0, 2 ** 31 - 1)
}

function assertRange(name: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return
  throw new MisuseError(
    'ERR_INVALID_ARGUMENT',
    `compression.${name} is ${value}, and must be ${least} to ${most}`,
  )
}
