// Knows what an extension may be (RFC 6455 section 9): how it is agreed upon, and, apart from that, what it does
// to messages. Never knows a particular one.
import type { Buffer } from 'node:buffer'
import { MisuseError, PeerError } from '../base/errors.ts'
import { oddOption } from '../base/option-value.ts'
import { tell } from '../base/tell.ts'
import { assertToken } from '../http/token.ts'
import type { ExtensionOffer } from './extension.ts'
import { type Role, RSV } from './frame.ts'
import type { BinaryForm, ConnectionOptions } from './options.ts'

/** What an agreed extension does to the messages of one connection. */
export interface MessageTransform {
  /** The RSV bits that mark a message it has changed, such as 0x40 for RSV1. */
  readonly rsv: number
  /**
   * Where nothing is remembered from one message to the next: what connections have in common on which the same
   * payload is encoded to the same bytes. Undefined: each connection encodes for itself.
   */
  readonly sharedKey?: string | undefined
  /** Whether a message of so many bytes is worth changing. */
  wants(bytes: number): boolean
  /** The payload as it travels. A promise: the next message waits for it. */
  encode(payload: Uint8Array): Uint8Array | Promise<Uint8Array>
  /**
   * The payload as it was, of a message that bears some of these RSV bits.
   * @throws PeerError, or rejects with one, for what no peer may send.
   */
  decode(payload: Buffer, rsv: number): Buffer | Promise<Buffer>
  /** The connection is over, perhaps in the middle of a message: memory goes back. */
  release(): void
}

/** How an extension is agreed upon, before there is a connection. */
export interface Extension {
  /** As in Sec-WebSocket-Extensions. */
  readonly name: string
  /** The RSV bits it would take, at least one; two extensions with a bit in common never meet on one connection. */
  readonly rsv: number
  /** A server's choice among the client's offers of that name; undefined: go on without. */
  answer(offers: readonly ExtensionOffer[]): Agreed | undefined
  /** A client's offers, in order of preference. */
  offer(): readonly ExtensionOffer[]
  /** What the server's answer means. @throws PeerError ERR_EXTENSION_NOT_OFFERED: fail the connection. */
  confirm(answer: ExtensionOffer): Agreed
}

export interface Agreed {
  /** For the server's Sec-WebSocket-Extensions. */
  readonly answer: ExtensionOffer
  /** Made once for each connection. */
  create(role: Role, options: ConnectionOptions<BinaryForm>): MessageTransform
}

/** A server's answers to all that a client offers: the client's order, each name once, no bit twice. */
export function answerExtensions(
  offers: readonly ExtensionOffer[],
  extensions: readonly Extension[],
): readonly Agreed[] {
  const agreed: Agreed[] = []
  let taken = 0
  for (const name of new Set(offers.map((offer) => offer.name))) {
    const extension = extensions.find((one) => one.name === name)
    if (extension === undefined || (extension.rsv & taken) !== 0) continue
    const choice = extension.answer(offers.filter((offer) => offer.name === name))
    if (choice === undefined) continue
    taken |= extension.rsv
    agreed.push(choice)
  }
  return agreed
}

/** What a client has agreed to by a server's answers. @throws PeerError for answers that were not asked for. */
export function confirmExtensions(
  answers: readonly ExtensionOffer[],
  extensions: readonly Extension[],
): readonly Agreed[] {
  let taken = 0
  return answers.map((answer) => {
    const extension = extensions.find((one) => one.name === answer.name)
    if (extension === undefined || (extension.rsv & taken) !== 0) {
      throw new PeerError('ERR_EXTENSION_NOT_OFFERED', `extension ${answer.name} cannot be used like that`, {
        section: 'RFC 6455 section 9.1',
      })
    }
    taken |= extension.rsv
    return extension.confirm(answer)
  })
}

/** @throws MisuseError for an extension that could never work. */
export function assertExtensions(extensions: readonly Extension[]): void {
  if (!Array.isArray(extensions)) throw oddOption('extensions', extensions, 'a list')
  for (const { name, rsv } of extensions) {
    assertToken('extension', name)
    if (rsv > 0 && (rsv & RSV) === rsv) continue
    throw new MisuseError('ERR_INVALID_ARGUMENT', `extension ${name} takes RSV bits ${rsv}, of 0x70`, {
      section: 'RFC 6455 section 5.2',
    })
  }
}

/** Several as one: out in their order, back in reverse (section 9.1). Undefined for none. */
export function stackTransforms(transforms: readonly MessageTransform[]): MessageTransform | undefined {
  return transforms.length <= 1 ? transforms[0] : new Stack(transforms)
}

class Stack implements MessageTransform {
  readonly rsv: number
  readonly sharedKey: string | undefined
  readonly #out: readonly MessageTransform[]
  readonly #back: readonly MessageTransform[]

  constructor(transforms: readonly MessageTransform[]) {
    this.rsv = transforms.reduce((bits, one) => bits | one.rsv, 0)
    const keys = transforms.map((one) => one.sharedKey)
    this.sharedKey = keys.includes(undefined) ? undefined : keys.join('; ')
    this.#out = transforms
    this.#back = transforms.toReversed()
  }

  /** All or none: so every message that leaves bears the same bits. */
  wants(bytes: number): boolean {
    return this.#out.every((one) => one.wants(bytes))
  }

  encode(payload: Uint8Array): Uint8Array | Promise<Uint8Array> {
    return this.#out.reduce<Uint8Array | Promise<Uint8Array>>(
      (result, one) => next(result, (bytes) => one.encode(bytes)),
      payload,
    )
  }

  /** The peer may well have chosen otherwise: each bit speaks for itself. */
  decode(payload: Buffer, rsv: number): Buffer | Promise<Buffer> {
    return this.#back
      .filter((one) => (one.rsv & rsv) !== 0)
      .reduce<Buffer | Promise<Buffer>>(
        (result, one) => next(result, (bytes) => one.decode(bytes, rsv & one.rsv)),
        payload,
      )
  }

  release(): void {
    for (const one of this.#out) releaseTransform(one)
  }
}

/** What an extension throws there keeps nobody else's memory. */
export function releaseTransform(transform: MessageTransform): void {
  tell(() => transform.release(), 'in release of an extension')
}

/** At once where it can be, so that a message that needs no promise is not delayed by one. */
function next<Bytes>(
  before: Bytes | Promise<Bytes>,
  act: (bytes: Bytes) => Bytes | Promise<Bytes>,
): Bytes | Promise<Bytes> {
  return before instanceof Promise ? before.then(act) : act(before)
}
