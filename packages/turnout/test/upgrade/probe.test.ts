import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { leavesBodyRaw } from '../../src/upgrade/probe.ts'
import { dial, listen, upgradeHead } from './wire.ts'

test('what the probe says in memory is what a connection does', async () => {
  const server = createServer()
  const wire = dial(await listen(server))
  wire.send(`${upgradeHead({ method: 'POST', fields: ['Content-Length: 1'] })}x`)
  const [request, stream, head] = (await once(server, 'upgrade')) as [IncomingMessage, Duplex, Buffer]
  assert.equal(leavesBodyRaw(), head.length === 1)
  assert.equal(leavesBodyRaw(), request.readableLength === 0)
  stream.destroy()
  wire.socket.destroy()
  server.close()
})
