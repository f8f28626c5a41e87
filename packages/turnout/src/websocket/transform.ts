// Knows what an extension may be (RFC 6455 section 9): how it is agreed upon, and, apart from that, what it does
// to messages. Never knows a particular one.
import { PeerError } from '../base/errors.ts'
import type { ExtensionOffer } from './extension.ts'
import type { Role } from './frame.ts'
import type { ConnectionOptions } from './options.ts'

/** What an agreed extension does to the messages of one connection. */
export interface MessageTransform {
  /** The RSV bits that mark a message it has changed, such as 0x40 for RSV1. */
  readonly rsv: number
  /** Whether a message of so many bytes is worth changing. */
  wants(bytes: number): boolean
  /** The payload as it travels. A promise: the next message waits for it. */
  encode(payload: Uint8Array): Uint8Array | Promise<Uint8Array>
  /** The payload as it was. @throws PeerError, or rejects with one, for what no peer may send. */
  decode(payload: Buffer): Buffer | Promise<Buffer>
  /** The connection is over: memory goes back. */
  release(): void
}

/** How an extension is agreed upon, before there is a connection. */
export interface Extension {
  /** As in Sec-WebSocket-Extensions. */
  readonly name: string
  /** The RSV bits it would take; two extensions with a bit in common never meet on one connection. */
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
  create(role: Role, options: ConnectionOptions): MessageTransform
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

/** Several as one: out in their order, back in reverse (section 9.1). Undefined for none. */
export function stackTransforms(transforms: readonly MessageTransform[]): MessageTransform | undefined {
  return transforms.length <= 1 ? transforms[0] : new Stack(transforms)
}

class Stack implements MessageTransform {
  readonly rsv: number
  readonly #out: readonly MessageTransform[]
  readonly #back: readonly MessageTransform[]

  constructor(transforms: readonly MessageTransform[]) {
    this.rsv = transforms.reduce((bits, one) => bits | one.rsv, 0)
    this.#out = transforms
    this.#back = transforms.toReversed()
  }

  /** All or none: the RSV bits of a message say that each of them has changed it. */
  wants(bytes: number): boolean {
    return this.#out.every((one) => one.wants(bytes))
  }

  encode(payload: Uint8Array): Uint8Array | Promise<Uint8Array> {
    return this.#out.reduce<Uint8Array | Promise<Uint8Array>>(
      (result, one) =>
        result instanceof Promise ? result.then((bytes) => one.encode(bytes)) : one.encode(result),
      payload,
    )
  }

  decode(payload: Buffer): Buffer | Promise<Buffer> {
    return this.#back.reduce<Buffer | Promise<Buffer>>(
      (result, one) =>
        result instanceof Promise ? result.then((bytes) => one.decode(bytes)) : one.decode(result),
      payload,
    )
  }

  release(): void {
    for (const one of this.#out) one.release()
  }
}
