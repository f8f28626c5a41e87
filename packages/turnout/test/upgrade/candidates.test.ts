import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseUpgrade } from '../../src/http/upgrade.ts'
import { candidatesOf, MAX_OFFERS } from '../../src/upgrade/candidates.ts'
import { genericProtocol, type ProtocolToken } from '../../src/upgrade/generic.ts'
import type { UpgradeProtocol } from '../../src/upgrade/protocol.ts'
import { stationTest, upgradeHead } from './wire.ts'

const route = (token: ProtocolToken): UpgradeProtocol => genericProtocol(token, { handler() {} }, () => {})
const any = route(() => true)

function askedIn(offer: string, routes: readonly UpgradeProtocol[], prefer: 'client' | 'server' = 'client') {
  const { protocols } = parseUpgrade([offer])
  const candidates = candidatesOf(protocols, routes, { url: '/' } as never, prefer)
  return candidates.map(({ protocol: { name, version }, by }) => {
    return `${name}${version === undefined ? '' : `/${version}`} by ${routes.indexOf(by)}`
  })
}

test('the client’s order decides, or that of the routes', () => {
  const routes = [route('b'), route('a')]
  assert.deepEqual(askedIn('a, b', routes), ['a by 1', 'b by 0'])
  assert.deepEqual(askedIn('a, b', routes, 'server'), ['b by 0', 'a by 1'])
})

test('an offer that is repeated is asked about once: names without regard to case, versions exactly', () => {
  assert.deepEqual(askedIn('a, A, b, a', [any]), ['a by 0', 'b by 0'])
  assert.deepEqual(askedIn('a/x, A/x, a/X, a', [any]), ['a/x by 0', 'a/X by 0', 'a by 0'])
})

test('what comes after the first hundred offers is not asked about', () => {
  const offers = Array.from({ length: 3_000 }, (_none, index) => `p${index}`)
  const asked = askedIn(offers.join(), [any])
  assert.equal(asked.length, MAX_OFFERS)
  assert.equal(asked.at(-1), `p${MAX_OFFERS - 1} by 0`)
})

let asked = 0
stationTest(
  'on the wire: a protocol that is offered a thousand times is asked once',
  async (station) => {
    const wire = station.dial()
    wire.send(upgradeHead({ upgrade: new Array(1_000).fill('example/1').join(', ') }))
    assert.equal((await wire.response()).status, 200)
    assert.equal(asked, 1)
  },
  { setUp: (turnout) => void turnout.protocol('example', { accept: () => void asked++, handler() {} }) },
)
