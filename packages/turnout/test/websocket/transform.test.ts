import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MisuseError, PeerError } from '../../src/base/errors.ts'
import { formatExtensions, parseExtensions } from '../../src/websocket/extension.ts'
import {
  type Agreed,
  answerExtensions,
  assertExtensions,
  confirmExtensions,
  type Extension,
  type MessageTransform,
  stackTransforms,
} from '../../src/websocket/transform.ts'
import { warningsOf } from '../base/warnings.ts'

/** Adds its letter on the way out and takes it off again. */
class Lettering implements MessageTransform {
  readonly rsv: number
  readonly sharedKey: string | undefined
  readonly released: string[]
  readonly #letter: string
  readonly #later: boolean

  constructor(
    letter: string,
    rsv: number,
    options: { later?: boolean; shared?: boolean; released?: string[] } = {},
  ) {
    this.rsv = rsv
    this.sharedKey = options.shared ? letter : undefined
    this.released = options.released ?? []
    this.#letter = letter
    this.#later = options.later ?? false
  }

  wants(bytes: number): boolean {
    return bytes > this.#letter.charCodeAt(0) - 97
  }

  encode(payload: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const done = Buffer.concat([payload, Buffer.from(this.#letter)])
    return this.#later ? Promise.resolve(done) : done
  }

  decode(payload: Buffer, rsv: number): Buffer | Promise<Buffer> {
    assert.equal(rsv, this.rsv)
    assert.equal(String(payload.subarray(-1)), this.#letter)
    const done = payload.subarray(0, -1)
    return this.#later ? Promise.resolve(done) : done
  }

  release(): void {
    this.released.push(this.#letter)
  }
}

function extension(
  name: string,
  rsv: number,
  takes: (parameters: string) => boolean = () => true,
): Extension {
  const agreed = (answer: Agreed['answer']): Agreed => ({ answer, create: () => new Lettering(name, rsv) })
  return {
    name,
    rsv,
    answer(offers) {
      assert.ok(offers.every((one) => one.name === name))
      const taken = offers.find((one) => takes(one.parameters.map(([parameter]) => parameter).join()))
      return taken && agreed(taken)
    },
    offer: () => [{ name, parameters: [] }],
    confirm: agreed,
  }
}

function answered(field: string, extensions: readonly Extension[]): string {
  return formatExtensions(answerExtensions(parseExtensions([field])!, extensions).map(({ answer }) => answer))
}

describe('R25: RFC 6455 section 9.1: a server answers', () => {
  const a = extension('a', 0x40)
  const b = extension('b', 0x20)

  it("what it knows, in the client's order", () => {
    assert.equal(answered('b, unknown, a', [a, b]), 'b, a')
    assert.equal(answered('unknown', [a, b]), '')
  })

  it('each name once, with the first offer that suits', () => {
    assert.equal(
      answered('a; one, a; two, a; three', [extension('a', 0x40, (one) => one !== 'one')]),
      'a; two',
    )
  })

  it('nothing where no offer suits', () => {
    assert.equal(answered('a, b', [extension('a', 0x40, () => false), b]), 'b')
  })

  it('no two extensions that use the same RSV bit', () => {
    const c = extension('c', 0x40)
    assert.equal(answered('a, c', [a, c]), 'a')
    assert.equal(answered('c, a', [a, c]), 'c')
    assert.equal(answered('c, a', [a, extension('c', 0x40, () => false)]), 'a', 'a declined one takes no bit')
  })
})

describe('R25: RFC 6455 section 9.1: a client', () => {
  const a = extension('a', 0x40)
  const c = extension('c', 0x40)
  const confirmed = (field: string) =>
    confirmExtensions(parseExtensions([field])!, [a, extension('b', 0x20), c]).map(
      ({ answer }) => answer.name,
    )

  it("keeps the server's order", () => {
    assert.deepEqual(confirmed('b, a'), ['b', 'a'])
  })

  for (const field of ['a, c', 'a, a', 'unknown', 'a, unknown']) {
    it(`fails on the answer '${field}'`, () => {
      assert.throws(
        () => confirmed(field),
        (error) => error instanceof PeerError && error.code === 'ERR_EXTENSION_NOT_OFFERED',
      )
    })
  }
})

describe('an extension', () => {
  it('has a token for a name, and RSV bits', () => {
    assertExtensions([extension('a', 0x40), extension('b', 0x30)])
    for (const rsv of [0, 0x80, 0x41, -1, 0.5, Number.NaN]) {
      assert.throws(() => assertExtensions([extension('a', rsv)]), MisuseError, String(rsv))
    }
    assert.throws(() => assertExtensions([extension('a b', 0x40)]), MisuseError)
  })
})

describe('RFC 6455 section 9.1: several transforms', () => {
  const text = Buffer.from('text')

  it('are none, or one, or a stack', () => {
    const one = new Lettering('a', 0x40)
    assert.equal(stackTransforms([]), undefined)
    assert.equal(stackTransforms([one]), one)
    assert.equal(stackTransforms([one, new Lettering('b', 0x20)])?.rsv, 0x60)
  })

  it('act in order on the way out, and in reverse on the way back', async () => {
    for (const later of [[], ['a'], ['b'], ['a', 'b']]) {
      const stack = stackTransforms([
        new Lettering('a', 0x40, { later: later.includes('a') }),
        new Lettering('b', 0x20, { later: later.includes('b') }),
      ])!
      const encoded = stack.encode(text)
      assert.equal(encoded instanceof Promise, later.length > 0)
      assert.equal(String(await encoded), 'textab')
      assert.equal(String(await stack.decode(Buffer.from('textab'), 0x60)), 'text')
    }
  })

  it('undo what the bits of a message say, and no more', async () => {
    const stack = stackTransforms([new Lettering('a', 0x40), new Lettering('b', 0x20)])!
    assert.equal(String(await stack.decode(Buffer.from('texta'), 0x40)), 'text')
    assert.equal(String(await stack.decode(Buffer.from('textb'), 0x20)), 'text')
  })

  it('change a message together or not at all', () => {
    const stack = stackTransforms([new Lettering('a', 0x40), new Lettering('e', 0x20)])!
    assert.deepEqual(
      [1, 4, 5].map((bytes) => stack.wants(bytes)),
      [false, false, true],
    )
  })

  it('can be shared when each of them can', () => {
    const shared = new Lettering('a', 0x40, { shared: true })
    assert.equal(stackTransforms([shared, new Lettering('b', 0x20)])?.sharedKey, undefined)
    assert.equal(stackTransforms([shared, new Lettering('b', 0x20, { shared: true })])?.sharedKey, 'a; b')
  })

  it('are released together, whatever one of them throws', async () => {
    const released: string[] = []
    const odd = Object.assign(new Lettering('a', 0x40), {
      release() {
        throw new Error('odd')
      },
    })
    const warnings = await warningsOf(() =>
      stackTransforms([odd, new Lettering('b', 0x20, { released })])!.release(),
    )
    assert.deepEqual(released, ['b'])
    assert.deepEqual(
      warnings.map(({ text }) => text),
      ['odd, in release of an extension'],
    )
  })

  it('are released together', () => {
    const released: string[] = []
    stackTransforms([
      new Lettering('a', 0x40, { released }),
      new Lettering('b', 0x20, { released }),
    ])!.release()
    assert.deepEqual(released, ['a', 'b'])
  })
})
