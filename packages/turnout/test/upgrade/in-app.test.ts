import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { Tally } from '../../src/base/tally.ts'
import { createTurnout } from '../../src/turnout.ts'
import { Admission } from '../../src/upgrade/admission.ts'
import type { Verdict } from '../../src/upgrade/deliberation.ts'
import { Deliberations } from '../../src/upgrade/deliberations.ts'
import { InApp } from '../../src/upgrade/in-app.ts'
import type { Decision, UpgradeProtocol } from '../../src/upgrade/protocol.ts'
import { dial, listen, upgradeHead, type Wire } from './wire.ts'

const INVITATION = { status: 426, fields: [['Upgrade', 'foo']], body: 'come in\n' } as const

interface Rig {
  readonly attached?: boolean
  readonly closing?: boolean
  readonly decision?: Decision | Promise<Decision>
  readonly before?: (response: ServerResponse) => void
}

/** An app that hands every request over, and what came of it; no verdict is acted on. */
async function rig(t: TestContext, { attached = true, closing = false, before, ...given }: Rig) {
  const clock = createVirtualClock()
  const taken: unknown[] = []
  const verdicts: Verdict[] = []
  const { decision = { kind: 'pass' } } = given
  const inApp = new InApp({
    extended: { takeOver: () => assert.fail('this is not HTTP/2') } as never,
    deliberations: new Deliberations({
      admission: new Admission({}),
      clock,
      timeoutMs: 100,
      others: new Tally('', ''),
    }),
    verdicts: {
      actInApp(_arrival: unknown, response: ServerResponse, verdict: Verdict) {
        verdicts.push(verdict)
        response.end('acted')
        return 'occupant'
      },
    } as never,
    clock,
    decisionTimeoutMs: 100,
    isClosing: () => closing,
    onError: (error) => assert.fail(String(error)),
  })
  const protocol: UpgradeProtocol = {
    match: ({ name }) => (name === 'foo' ? {} : undefined),
    decide: () => decision,
  }
  const app = (request: IncomingMessage, response: ServerResponse) => {
    try {
      before?.(response)
      taken.push(inApp.takeOver(request, response, protocol, INVITATION))
    } catch (error) {
      taken.push((error as { code: string }).code)
      if (!response.writableEnded) response.end('thrown')
    }
  }
  const server = createServer(app)
  const turnout = createTurnout()
  if (attached) turnout.attach(server)
  const wire: Wire = dial(await listen(server))
  t.after(async () => {
    wire.socket.destroy()
    await turnout.close()
    await new Promise((resolve) => server.close(resolve))
  })
  const ask = async (upgrade?: string) => {
    const plain = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
    wire.send(upgrade === undefined ? plain : upgradeHead({ upgrade }))
    const { status, body } = await wire.response()
    return [status, body]
  }
  return { ask, taken, verdicts }
}

test('what did not ask for this protocol is sent the invitation', async (t) => {
  const { ask, taken, verdicts } = await rig(t, {})
  for (const upgrade of [undefined, 'bar', 'foo/']) assert.deepEqual(await ask(upgrade), [426, 'come in\n'])
  assert.deepEqual([taken, verdicts], [[undefined, undefined, undefined], []])
})

test('what did is decided and acted on, at once or when the decision is there', async (t) => {
  const decision = { kind: 'respond', response: INVITATION } as const
  for (const decided of [decision, Promise.resolve(decision)]) {
    const { ask, taken, verdicts } = await rig(t, { decision: decided })
    assert.deepEqual(await ask('foo'), [200, 'acted'])
    assert.equal(taken[0] instanceof Promise, decided instanceof Promise)
    assert.deepEqual([await taken[0], verdicts], ['occupant', [decision]])
  }
})

test('a response that was sent is misuse, whatever was asked for', async (t) => {
  const { ask, taken } = await rig(t, { before: (response) => void response.end('sent') })
  assert.deepEqual(
    [await ask('foo'), await ask()],
    [
      [200, 'sent'],
      [200, 'sent'],
    ],
  )
  assert.deepEqual(taken, ['ERR_ALREADY_ANSWERED', 'ERR_ALREADY_ANSWERED'])
})

test('so is one whose head was sent', async (t) => {
  const begun = (response: ServerResponse) => void response.writeHead(200, { 'Content-Length': 6 })
  const { ask, taken } = await rig(t, { before: begun })
  assert.deepEqual(await ask('foo'), [200, 'thrown'])
  assert.deepEqual(taken, ['ERR_ALREADY_ANSWERED'])
})

test('without a turnout on the server an upgrade is misuse, and an ordinary request is invited', async (t) => {
  const { ask, taken } = await rig(t, { attached: false })
  assert.deepEqual(await ask(), [426, 'come in\n'])
  assert.deepEqual(await ask('foo'), [200, 'thrown'])
  assert.deepEqual(taken, [undefined, 'ERR_NOT_ATTACHED'])
})

test('a server that closes says so', async (t) => {
  const { ask, taken, verdicts } = await rig(t, { closing: true })
  assert.deepEqual(await ask('foo'), [503, 'This server is closing.\n'])
  assert.deepEqual([taken, verdicts], [[undefined], []])
})
