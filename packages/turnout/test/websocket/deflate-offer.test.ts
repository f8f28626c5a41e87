import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MisuseError, PeerError } from '../../src/base/errors.ts'
import {
  answerDeflate,
  assertPreferences,
  confirmDeflate,
  type DeflateAgreement,
  type DeflatePreferences,
  offerDeflate,
} from '../../src/websocket/deflate-offer.ts'
import { formatExtensions, parseExtensions } from '../../src/websocket/extension.ts'

const OPEN: DeflateAgreement = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
}

/** The server's answer to a whole field, and what it then keeps to. */
function answer(field: string, preferences: DeflatePreferences = {}): [string, DeflateAgreement] | undefined {
  const choice = answerDeflate(parseExtensions([field])!, preferences)
  return choice && [formatExtensions([choice.answer]), choice.agreement]
}

function offer(preferences: DeflatePreferences = {}): string {
  return formatExtensions(offerDeflate(preferences))
}

function confirm(field: string, preferences: DeflatePreferences = {}): DeflateAgreement {
  return confirmDeflate(parseExtensions([field])![0]!, preferences)
}

/** Parameters that no offer and no answer may have (section 7.1). */
const BAD_ANYWHERE = [
  'unknown',
  'unknown=1',
  'server_no_context_takeover=1',
  'server_no_context_takeover=true',
  'client_no_context_takeover=0',
  'server_no_context_takeover; server_no_context_takeover',
  'client_no_context_takeover; client_no_context_takeover',
  'server_max_window_bits',
  'server_max_window_bits=7',
  'server_max_window_bits=16',
  'server_max_window_bits=08',
  'server_max_window_bits=010',
  'server_max_window_bits=+9',
  'server_max_window_bits=9.0',
  'server_max_window_bits=1e1',
  'server_max_window_bits=0xa',
  'server_max_window_bits=abc',
  'server_max_window_bits=10; server_max_window_bits=10',
  'server_max_window_bits=10; server_max_window_bits=12',
  'client_max_window_bits=7',
  'client_max_window_bits=16',
  'client_max_window_bits=08',
  'client_max_window_bits=0',
  'client_max_window_bits=-9',
  'client_max_window_bits=10; client_max_window_bits=10',
  'Server_Max_Window_Bits=10',
  'server_max_window_bits=10; unknown',
]

describe('RFC 7692 section 7.1: a server answers', () => {
  const answers: readonly [
    offer: string,
    preferences: DeflatePreferences,
    answer: string,
    Partial<DeflateAgreement>,
  ][] = [
    ['', {}, '', {}],
    // section 7.1.1.1
    ['; server_no_context_takeover', {}, '; server_no_context_takeover', { serverNoContextTakeover: true }],
    [
      '',
      { serverNoContextTakeover: true },
      '; server_no_context_takeover',
      { serverNoContextTakeover: true },
    ],
    // section 7.1.1.2
    ['; client_no_context_takeover', {}, '; client_no_context_takeover', { clientNoContextTakeover: true }],
    [
      '',
      { clientNoContextTakeover: true },
      '; client_no_context_takeover',
      { clientNoContextTakeover: true },
    ],
    // section 7.1.2.1: at most what was offered
    ['; server_max_window_bits=10', {}, '; server_max_window_bits=10', { serverMaxWindowBits: 10 }],
    ['; server_max_window_bits=8', {}, '; server_max_window_bits=8', { serverMaxWindowBits: 8 }],
    ['; server_max_window_bits=15', {}, '; server_max_window_bits=15', {}],
    [
      '; server_max_window_bits=12',
      { serverMaxWindowBits: 9 },
      '; server_max_window_bits=9',
      { serverMaxWindowBits: 9 },
    ],
    [
      '; server_max_window_bits=9',
      { serverMaxWindowBits: 12 },
      '; server_max_window_bits=9',
      { serverMaxWindowBits: 9 },
    ],
    ['', { serverMaxWindowBits: 11 }, '; server_max_window_bits=11', { serverMaxWindowBits: 11 }],
    ['', { serverMaxWindowBits: 15 }, '', {}],
    ['; server_max_window_bits="11"', {}, '; server_max_window_bits=11', { serverMaxWindowBits: 11 }],
    // section 7.1.2.2: answered to those who offered it, and to nobody else
    ['; client_max_window_bits', {}, '', {}],
    [
      '; client_max_window_bits',
      { clientMaxWindowBits: 10 },
      '; client_max_window_bits=10',
      { clientMaxWindowBits: 10 },
    ],
    ['', { clientMaxWindowBits: 10 }, '', {}],
    ['; client_max_window_bits=12', {}, '; client_max_window_bits=12', { clientMaxWindowBits: 12 }],
    [
      '; client_max_window_bits=12',
      { clientMaxWindowBits: 14 },
      '; client_max_window_bits=12',
      { clientMaxWindowBits: 12 },
    ],
    [
      '; client_max_window_bits=12',
      { clientMaxWindowBits: 8 },
      '; client_max_window_bits=8',
      { clientMaxWindowBits: 8 },
    ],
    ['; client_max_window_bits=15', {}, '', {}],
    [
      '; client_max_window_bits=9; server_max_window_bits=10; client_no_context_takeover; server_no_context_takeover',
      {},
      '; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9',
      {
        serverNoContextTakeover: true,
        clientNoContextTakeover: true,
        serverMaxWindowBits: 10,
        clientMaxWindowBits: 9,
      },
    ],
  ]
  for (const [offered, preferences, answered, agreement] of answers) {
    it(`'${offered}' with ${JSON.stringify(preferences)} by '${answered}'`, () => {
      assert.deepEqual(answer(`permessage-deflate${offered}`, preferences), [
        `permessage-deflate${answered}`,
        { ...OPEN, ...agreement },
      ])
    })
  }

  it('every window from 8 to 15', () => {
    for (let bits = 8; bits <= 15; bits++) {
      assert.equal(
        answer(`permessage-deflate; server_max_window_bits=${bits}`)?.[1].serverMaxWindowBits,
        bits,
      )
      assert.equal(
        answer(`permessage-deflate; client_max_window_bits=${bits}`)?.[1].clientMaxWindowBits,
        bits,
      )
    }
  })
})

describe('RFC 7692 section 7.1: a server declines an offer', () => {
  for (const parameters of [...BAD_ANYWHERE, 'client_max_window_bits; client_max_window_bits=10']) {
    it(`of ${parameters}, and takes the next`, () => {
      assert.equal(answer(`permessage-deflate; ${parameters}`), undefined)
      const fallback = `permessage-deflate; ${parameters}, permessage-deflate; server_max_window_bits=9`
      assert.equal(answer(fallback)?.[0], 'permessage-deflate; server_max_window_bits=9')
    })
  }

  it('under another name', () => {
    for (const name of ['x-webkit-deflate-frame', 'permessage-bzip2', 'permessage-deflate2']) {
      assert.equal(answer(name), undefined)
    }
  })

  it('when there is none', () => {
    assert.equal(answerDeflate([], {}), undefined)
  })
})

describe('RFC 7692 section 5.2: of several offers', () => {
  it('the first that can be taken is, whatever the server would rather have', () => {
    const field =
      'permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits=12; server_no_context_takeover, permessage-deflate'
    assert.equal(
      answer(field, { serverMaxWindowBits: 15 })?.[0],
      'permessage-deflate; server_no_context_takeover; server_max_window_bits=12',
    )
  })
})

describe('RFC 7692 section 7.1: a client offers', () => {
  const offers: readonly [DeflatePreferences, string][] = [
    // section 7.1.2.2: without a value it says that the server may choose
    [{}, '; client_max_window_bits'],
    // a fallback, for servers that make nothing of the value
    [{ clientMaxWindowBits: 10 }, '; client_max_window_bits=10, permessage-deflate; client_max_window_bits'],
    [
      { clientMaxWindowBits: 10, serverMaxWindowBits: 9 },
      '; server_max_window_bits=9; client_max_window_bits=10, permessage-deflate; server_max_window_bits=9; client_max_window_bits',
    ],
    [{ serverMaxWindowBits: 9 }, '; server_max_window_bits=9; client_max_window_bits'],
    [{ serverNoContextTakeover: true }, '; server_no_context_takeover; client_max_window_bits'],
    [{ clientNoContextTakeover: true }, '; client_no_context_takeover; client_max_window_bits'],
    [{ serverNoContextTakeover: false, clientNoContextTakeover: false }, '; client_max_window_bits'],
  ]
  for (const [preferences, parameters] of offers) {
    it(`'${parameters}' for ${JSON.stringify(preferences)}`, () => {
      assert.equal(offer(preferences), `permessage-deflate${parameters}`)
    })
  }
})

describe('RFC 7692 section 7.1: a client takes an answer', () => {
  const answers: readonly [string, DeflatePreferences, Partial<DeflateAgreement>][] = [
    ['', {}, {}],
    ['; server_no_context_takeover', {}, { serverNoContextTakeover: true }],
    ['; client_no_context_takeover', {}, { clientNoContextTakeover: true }],
    ['; server_max_window_bits=8', {}, { serverMaxWindowBits: 8 }],
    ['; server_max_window_bits=10', { serverMaxWindowBits: 10 }, { serverMaxWindowBits: 10 }],
    ['; client_max_window_bits=9', {}, { clientMaxWindowBits: 9 }],
    ['; client_max_window_bits=15', {}, {}],
    ['; client_max_window_bits="9"', {}, { clientMaxWindowBits: 9 }],
    // what a client said of itself holds whether or not the server repeats it
    ['', { clientNoContextTakeover: true }, { clientNoContextTakeover: true }],
    ['', { clientMaxWindowBits: 11 }, { clientMaxWindowBits: 11 }],
    ['; client_max_window_bits=14', { clientMaxWindowBits: 11 }, { clientMaxWindowBits: 11 }],
    // a server ought to have repeated this, but what it sends can be read
    ['', { serverMaxWindowBits: 11, serverNoContextTakeover: true }, {}],
  ]
  for (const [parameters, preferences, agreement] of answers) {
    it(`'${parameters}' after ${JSON.stringify(preferences)}`, () => {
      assert.deepEqual(confirm(`permessage-deflate${parameters}`, preferences), { ...OPEN, ...agreement })
    })
  }
})

describe('RFC 7692 section 7.1: a client fails the connection on an answer', () => {
  const bad: readonly [string, DeflatePreferences][] = [
    ...BAD_ANYWHERE.map((parameters): [string, DeflatePreferences] => [parameters, {}]),
    // section 7.1.2.2: in an answer the value is required
    ['client_max_window_bits', {}],
    ['server_max_window_bits=11', { serverMaxWindowBits: 10 }],
  ]
  for (const [parameters, preferences] of bad) {
    it(`of ${parameters} after ${JSON.stringify(preferences)}`, () => {
      assert.throws(
        () => confirm(`permessage-deflate; ${parameters}`, preferences),
        (error) => error instanceof PeerError && error.code === 'ERR_EXTENSION_NOT_OFFERED',
      )
    })
  }
})

describe('both sides together', () => {
  it('mean the same, whatever each of them prefers', () => {
    const choices: DeflatePreferences[] = [{}]
    for (const takeover of ['serverNoContextTakeover', 'clientNoContextTakeover'] as const) {
      choices.push({ [takeover]: true })
    }
    for (const bits of [8, 12, 15]) choices.push({ serverMaxWindowBits: bits }, { clientMaxWindowBits: bits })
    choices.push({ serverNoContextTakeover: true, serverMaxWindowBits: 9, clientMaxWindowBits: 10 })
    for (const client of choices) {
      for (const server of choices) {
        const choice = answerDeflate(offerDeflate(client), server)!
        assert.deepEqual(
          confirmDeflate(choice.answer, client),
          choice.agreement,
          `${JSON.stringify(client)} meets ${JSON.stringify(server)}`,
        )
      }
    }
  })
})

describe('preferences', () => {
  it('of window bits beyond 8 to 15 are misuse', () => {
    for (const bits of [7, 16, 0, -1, 9.5, Number.NaN, '10' as unknown as number]) {
      for (const name of ['serverMaxWindowBits', 'clientMaxWindowBits']) {
        assert.throws(() => assertPreferences({ [name]: bits }), MisuseError, `${name}: ${bits}`)
      }
    }
    for (let bits = 8; bits <= 15; bits++) {
      assertPreferences({ serverMaxWindowBits: bits, clientMaxWindowBits: bits })
    }
  })
})
