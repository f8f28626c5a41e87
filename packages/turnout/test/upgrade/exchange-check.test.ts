import assert from 'node:assert/strict'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { test } from 'node:test'
import { createTurnout } from '../../src/index.ts'
import { assertExchange } from '../../src/upgrade/exchange-check.ts'

const socket = new Socket()
const request = new IncomingMessage(socket)
request.httpVersionMajor = 1
const response = new ServerResponse(request)

test('a request and its response pass', () => assertExchange(request, response))

for (const [what, given, advice] of [
  ['a socket', [request, socket], /socket\. What comes as `upgrade` is for attach/],
  ['a reply that keeps it', [request, { raw: response }], /\.raw$/],
  ['a request that keeps it', [{ raw: request }, { raw: response }], /\.raw, and so has its reply$/],
  ['a context', [{ req: request, res: response }, undefined], /\.req and \.res$/],
  ['another', [{ env: { incoming: request, outgoing: response } }], /\.env\.incoming and \.env\.outgoing$/],
  ['nothing', [], /of node:http$/],
  ['anything', [{}, {}], /of node:http$/],
  ['too little', [null, 7], /of node:http$/],
] as const) {
  test(`${what} is misuse, and told where it is`, () => {
    const [first, second] = given as readonly unknown[]
    assert.throws(
      () => createTurnout().upgrade(first as never, second as never, {}),
      (error: Error & { code?: string }) =>
        error.code === 'ERR_INVALID_ARGUMENT' && advice.test(error.message),
    )
  })
}
