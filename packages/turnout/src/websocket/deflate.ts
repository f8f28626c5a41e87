// Knows permessage-deflate (RFC 7692) as an extension: its options, its agreement, and what it does to messages.
import type { Buffer } from 'node:buffer'
import { type Clock, systemClock } from '../base/clock.ts'
import { MisuseError } from '../base/errors.ts'
import { given, oddOption } from '../base/option-value.ts'
import { type Sweep, type Swept, sweepFor } from '../base/sweep.ts'
import { DeflateContext, InflateContext } from './deflate-context.ts'
import {
  answerDeflate,
  assertPreferences,
  confirmDeflate,
  DEFLATE,
  type DeflateAgreement,
  offerDeflate,
} from './deflate-offer.ts'
import { type EngineSource, lentEngines, OwnEngine } from './engines.ts'
import { type Role, RSV1 } from './frame.ts'
import { type CompressionOptions, DEFAULT_MAX_MESSAGE_BYTES } from './options.ts'
import type { Agreed, Extension, MessageTransform } from './transform.ts'
import type { EngineSettings } from './zlib-engine.ts'

/** Measured against each other on three kinds of JSON: see docs/compression.md. */
const DEFAULTS = {
  threshold: 1024,
  level: 1,
  memLevel: 8,
  windowBits: 13,
  offloadBytes: 65_536,
  idleReleaseMs: 30_000,
} as const

/** The extension for the option `compression`; undefined when that is off. @throws MisuseError for odd options. */
export function compressionExtension(
  option: boolean | CompressionOptions | undefined,
): Extension | undefined {
  if (option === undefined || option === false) return undefined
  assertCompression(option)
  return new PermessageDeflate(option === true ? {} : option)
}

class PermessageDeflate implements Extension {
  readonly name = DEFLATE
  readonly rsv = RSV1
  readonly #options: CompressionOptions

  constructor(options: CompressionOptions) {
    this.#options = given(options)
  }

  answer(offers: Parameters<Extension['answer']>[0]): Agreed | undefined {
    const { windowBits } = DEFAULTS
    const choice = answerDeflate(offers, {
      serverMaxWindowBits: windowBits,
      clientMaxWindowBits: windowBits,
      ...this.#options,
    })
    return choice === undefined ? undefined : this.#agreed(choice.answer, choice.agreement)
  }

  /** Wishes that were not expressed are none: a server that cannot fulfil them would have to decline. */
  offer(): ReturnType<Extension['offer']> {
    return offerDeflate(this.#options)
  }

  confirm(answer: Parameters<Extension['confirm']>[0]): Agreed {
    const agreement = confirmDeflate(answer, this.#options)
    const most = this.#options.clientMaxWindowBits ?? DEFAULTS.windowBits
    // a smaller window than agreed is always right
    const clientMaxWindowBits = Math.min(agreement.clientMaxWindowBits, most)
    return this.#agreed(answer, { ...agreement, clientMaxWindowBits })
  }

  #agreed(answer: Agreed['answer'], agreement: DeflateAgreement): Agreed {
    return {
      answer,
      create: (role, { maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, clock = systemClock }) =>
        new DeflateTransform({ role, agreement, options: this.#options, maxMessageBytes, clock }),
    }
  }
}

interface DeflateSetup {
  readonly role: Role
  readonly agreement: DeflateAgreement
  readonly options: CompressionOptions
  readonly maxMessageBytes: number
  readonly clock: Clock
}

class DeflateTransform implements MessageTransform, Swept {
  readonly rsv = RSV1
  readonly sharedKey: string | undefined
  readonly #threshold: number
  readonly #offloadBytes: number
  readonly #idleReleaseMs: number
  readonly #clock: Clock
  readonly #outEngines: EngineSource
  readonly #inEngines: EngineSource
  readonly #out: DeflateContext
  readonly #in: InflateContext
  /** Looks now and then whether our window can be given back; undefined: it is not ours, or is kept for ever. */
  readonly #sweep: Sweep | undefined
  #usedAtMs = 0

  constructor({ role, agreement, options, maxMessageBytes, clock }: DeflateSetup) {
    const { ours, theirs } = sides(role, agreement)
    this.#threshold = options.threshold ?? DEFAULTS.threshold
    this.#offloadBytes = options.offloadBytes ?? DEFAULTS.offloadBytes
    this.#idleReleaseMs = ours.takeover ? (options.idleReleaseMs ?? DEFAULTS.idleReleaseMs) : 0
    this.#clock = clock
    this.#sweep = this.#idleReleaseMs === 0 ? undefined : sweepFor(clock, this.#idleReleaseMs)
    const level = options.level ?? DEFAULTS.level
    const memLevel = options.memLevel ?? DEFAULTS.memLevel
    const { windowBits } = ours
    this.sharedKey = ours.takeover ? undefined : `${DEFLATE} ${windowBits} ${level} ${memLevel}`
    this.#outEngines = engines({ kind: 'deflate', windowBits, level, memLevel }, ours.takeover)
    this.#inEngines = engines({ kind: 'inflate', windowBits: theirs.windowBits }, theirs.takeover)
    this.#out = new DeflateContext(this.#outEngines)
    this.#in = new InflateContext(this.#inEngines, maxMessageBytes)
  }

  wants(bytes: number): boolean {
    return bytes >= this.#threshold
  }

  encode(payload: Uint8Array): Buffer | Promise<Buffer> {
    if (this.#sweep !== undefined) {
      this.#usedAtMs = this.#clock.now()
      this.#sweep.add(this)
    }
    return this.#out.compress(payload, this.#offloadBytes)
  }

  decode(payload: Buffer): Buffer | Promise<Buffer> {
    return this.#in.inflate(payload, this.#offloadBytes)
  }

  release(): void {
    this.#sweep?.remove(this)
    this.#outEngines.release()
    this.#inEngines.release()
  }

  /** Our window can be forgotten at any time between messages; the peer's cannot. */
  onSweep(nowMs: number): void {
    if (nowMs - this.#usedAtMs < this.#idleReleaseMs) return
    if (this.#outEngines.rest()) this.#sweep?.remove(this)
    else this.#usedAtMs = nowMs
  }
}

interface Side {
  readonly takeover: boolean
  readonly windowBits: number
}

function sides(role: Role, agreement: DeflateAgreement): { readonly ours: Side; readonly theirs: Side } {
  // zlib has no raw window of 8 bits: writing, its 9 reaches no further back than 8 allows (250 bytes); reading,
  // a larger one is always right
  const server = {
    takeover: !agreement.serverNoContextTakeover,
    windowBits: Math.max(agreement.serverMaxWindowBits, 9),
  }
  const client = {
    takeover: !agreement.clientNoContextTakeover,
    windowBits: Math.max(agreement.clientMaxWindowBits, 9),
  }
  return role === 'server' ? { ours: server, theirs: client } : { ours: client, theirs: server }
}

function engines(settings: EngineSettings, takeover: boolean): EngineSource {
  return takeover ? new OwnEngine(settings) : lentEngines(settings)
}

/** @throws MisuseError for odd options. */
export function assertCompression(options: boolean | CompressionOptions | undefined): void {
  if (options === undefined || typeof options === 'boolean') return
  if (typeof options !== 'object' || options === null) {
    throw oddOption('compression', options, 'true, false or an object')
  }
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
