import assert from 'node:assert/strict'
import { test } from 'node:test'
import { invitationTo, WEBSOCKET_INVITATION } from '../../src/upgrade/invitation.ts'

test('R18: RFC 9110 section 15.5.22: a 426 names what to upgrade to, and the Connection option beside it', () => {
  for (const [token, upgrade] of [
    ['foo', 'foo'],
    ['foo/1', 'foo/1'],
    // any version: none is asked for
    ['foo/*', 'foo'],
  ] as const) {
    assert.deepEqual(invitationTo(token), {
      status: 426,
      fields: [
        ['Upgrade', upgrade],
        ['Connection', 'Upgrade'],
      ],
      body: `This resource speaks ${upgrade} only (RFC 9110 section 15.5.22).\n`,
    })
  }
})

test('RFC 6455 section 4.4: that of WebSocket names the version as well', () => {
  assert.deepEqual(WEBSOCKET_INVITATION, {
    status: 426,
    fields: [
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
      ['Sec-WebSocket-Version', '13'],
    ],
    body: 'This resource speaks WebSocket only (RFC 9110 section 15.5.22).\n',
  })
})
