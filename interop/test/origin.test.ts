// Knows what a page of another site gets from our server, in a real browser.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { it } from 'node:test'
import { chromium, launchChromium } from '../src/clients/chromium.ts'
import { startHouseServer } from '../src/house-server.ts'
import { describePeer } from './peers.ts'

describePeer('a page in Chromium', chromium, () => {
  it('of the same origin may connect, of another origin may not', { timeout: 60_000 }, async () => {
    const house = await startHouseServer()
    const foreign = createServer((_request, response) => {
      response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>elsewhere</title>')
    })
    foreign.listen(0, '127.0.0.1')
    await once(foreign, 'listening')
    const browser = await launchChromium()
    try {
      const page = await browser.newPage()
      const url = `${house.origin.replace('http:', 'ws:')}/echo`
      const attempt = `new Promise((resolve) => {
        const socket = new WebSocket(${JSON.stringify(url)})
        socket.onopen = () => { socket.close(1000); resolve('open') }
        socket.onerror = () => resolve('refused')
      })`
      await page.goto(house.origin)
      assert.equal(await page.evaluate(attempt), 'open')
      await page.goto(`http://127.0.0.1:${(foreign.address() as AddressInfo).port}/`)
      assert.equal(await page.evaluate(attempt), 'refused')
    } finally {
      await browser.close()
      foreign.closeAllConnections()
      foreign.close()
      await house.stop()
    }
  })
})
