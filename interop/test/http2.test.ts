// Knows WebSockets over HTTP/2 (RFC 8441) with those who speak it: two browsers and two proxies.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { connect } from 'turnout'
import { certificate } from '../src/certificate.ts'
import { findChromium, launchChromium } from '../src/clients/chromium.ts'
import { findFirefox, openFirefox } from '../src/clients/firefox.ts'
import { type HouseKind, startHttp2House } from '../src/http2-house.ts'
import { http2Proxies } from '../src/servers/http2-proxies.ts'
import { describePeer } from './peers.ts'

const timeout = 60_000

const chromium = {
  name: 'Chromium',
  missing: () => (findChromium() === undefined ? 'no Chromium: apt-get install chromium' : undefined),
  async open() {
    const browser = await launchChromium()
    const page = await browser.newPage({ ignoreHTTPSErrors: true })
    return {
      goto: async (url: string) => void (await page.goto(url)),
      evaluate: async (expression: string) => String(await page.evaluate(expression)),
      close: () => browser.close(),
    }
  },
}

const firefox = {
  name: 'Firefox',
  missing: () => (findFirefox() === undefined ? 'no Firefox: apt-get install firefox-esr' : undefined),
  open: openFirefox,
}

for (const browser of [chromium, firefox]) {
  describePeer(`RFC 8441: a page in ${browser.name}`, browser, () => {
    it('comes over HTTP/2, echoes 0 bytes to 1 MiB, and closes with code and reason', {
      timeout,
    }, async () => {
      const house = await startHttp2House('secure')
      const page = await browser.open()
      try {
        await page.goto(`https://localhost:${house.port}/`)
        assert.equal(await page.evaluate('document.title'), 'HTTP/2.0')
        const same = await page.evaluate(`new Promise((resolve) => {
          const socket = new WebSocket('wss://localhost:${house.port}/echo')
          const texts = [0, 1, 125, 126, 65536, 1048576].map((length) => 'x'.repeat(length))
          let at = 0
          socket.onopen = () => socket.send(texts[0])
          socket.onerror = () => resolve('error')
          socket.onmessage = ({ data }) => {
            if (data !== texts[at]) resolve('message ' + at + ' came back otherwise')
            else if (++at < texts.length) socket.send(texts[at])
            else {
              socket.close(3000, 'enough')
              socket.onclose = ({ code, wasClean }) => resolve('closed ' + code + ' ' + wasClean)
            }
          }
        })`)
        assert.equal(same, 'closed 3000 true')
        assert.deepEqual(await house.nextVisit(), { httpVersion: '2.0', method: 'CONNECT' })
        assert.deepEqual(await house.nextEnding(), { code: 3000, reason: 'enough' })
      } finally {
        await page.close()
        await house.stop()
      }
    })

    it('is refused with an ordinary status', { timeout }, async () => {
      const house = await startHttp2House('secure')
      const page = await browser.open()
      try {
        await page.goto(`https://localhost:${house.port}/`)
        const outcome = await page.evaluate(`new Promise((resolve) => {
          const socket = new WebSocket('wss://localhost:${house.port}/no')
          socket.onopen = () => resolve('open')
          socket.onclose = ({ code }) => resolve('closed ' + code)
        })`)
        assert.equal(outcome, 'closed 1006')
        assert.equal((await house.nextVisit()).httpVersion, '2.0')
      } finally {
        await page.close()
        await house.stop()
      }
    })
  })
}

const onward: readonly (readonly [HouseKind, string])[] = [
  ['secure', '2.0'],
  ['http2', '2.0'],
  ['shared', '2.0'],
  ['http1', '1.1'],
]

for (const proxy of http2Proxies) {
  describePeer(`RFC 8441: through ${proxy.name}`, proxy, () => {
    for (const [kind, version] of onward) {
      for (const http2 of [false, true]) {
        const by = kind === 'secure' ? 'TLS and ' : kind === 'shared' ? 'h2c and ' : ''
        const way = `from HTTP/${http2 ? '2' : '1.1'} to ${by}HTTP/${version[0] === '2' ? '2' : '1.1'}`
        it(`${way}: echoes, closes and refuses`, { timeout }, async () => {
          const house = await startHttp2House(kind)
          const between = await proxy.start(kind, house.port)
          try {
            const options = { http2, tls: { ca: certificate }, compression: true, timeoutMs: 10_000 }
            const url = `wss://localhost:${between.port}`
            const socket = await connect(`${url}/echo`, options)
            for (const bytes of [0, 125, 65_536, 1_048_576]) {
              const sent = Buffer.alloc(bytes, 'turnout')
              await socket.send(sent)
              for await (const message of socket) {
                assert.ok(sent.equals(message as Buffer), `${bytes} bytes`)
                break
              }
            }
            const info = await socket.close(3000, 'enough')
            assert.deepEqual([info.code, info.clean], [3000, true])
            assert.equal((await house.nextVisit()).httpVersion, version)
            assert.deepEqual(await house.nextEnding(), { code: 3000, reason: 'enough' })
            await assert.rejects(connect(`${url}/no`, options), { status: 403 })
          } finally {
            await between.stop()
            await house.stop()
          }
        })
      }
    }
  })
}
