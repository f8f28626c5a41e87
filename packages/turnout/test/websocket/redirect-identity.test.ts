// Knows that another origin is shown nothing of who the client is, however the application has said so.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ConnectionOptions, createSecureContext } from 'node:tls'
import { readRedirect } from '../../src/websocket/redirect.ts'
import { certificate, privateKey } from '../upgrade/certificate.ts'

const identities: readonly ConnectionOptions[] = [
  { key: privateKey, cert: certificate },
  { secureContext: createSecureContext({ key: privateKey, cert: certificate }) },
  { pskCallback: () => ({ psk: Buffer.from('secret'), identity: 'me' }) },
  { session: Buffer.from('a session') },
]

for (const identity of identities) {
  test(`a redirect to another origin takes no ${Object.keys(identity).join(' or ')} along`, () => {
    const tls = { ...identity, minVersion: 'TLSv1.3' as const }
    const from = { url: new URL('wss://a.example/'), fields: [], tls }
    const to = (location: string) =>
      readRedirect({ statusCode: 302, rawHeaders: ['Location', location] }, from)
    const elsewhere = to('https://b.example/')
    assert.deepEqual(elsewhere.kind === 'follow' && elsewhere.hop.tls, { minVersion: 'TLSv1.3' })
    const here = to('/other')
    assert.deepEqual(here.kind === 'follow' && here.hop.tls, tls)
  })
}
