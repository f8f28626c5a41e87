/// <reference lib="dom" />
// The page as a visitor meets it: in Chromium, by mouse, by keyboard alone, in light and dark, wide and narrow.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import { scenarios } from '../src/station/page/scenarios.ts'
import { type Station, startStation } from '../src/station/station.ts'
import { weakContrasts } from './contrast.ts'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
// On a machine of CI a missing browser is a failure; elsewhere it is a reason to leave these out.
const skip = !existsSync(executablePath) && process.env.CI === undefined && `no browser at ${executablePath}`
const flags =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'

describe('the page', { skip }, () => {
  let station: Station
  let browser: Browser
  before(async () => {
    station = await startStation({ port: 0, host: '127.0.0.1', httpsPort: 0 })
    browser = await chromium.launch({
      executablePath,
      args: [...flags.split(' '), '--ignore-certificate-errors'],
    })
  })
  after(async () => {
    await browser?.close()
    await station?.close()
  })

  interface Visit {
    readonly scenario?: string
    /** A station of the test's own. */
    readonly home?: string
    /** Over https and HTTP/2. */
    readonly secure?: boolean
    readonly width?: number
    readonly dark?: boolean
    readonly reducedMotion?: boolean
    /** Console errors that the visit provokes. */
    readonly mayComplain?: boolean
    readonly prepare?: (page: Page) => Promise<unknown>
  }

  /** Opens the page, lets `look` at it, and sees to it that nothing failed and nothing came from elsewhere. */
  async function visit(options: Visit, look: (page: Page) => Promise<void>): Promise<void> {
    const { scenario = '', width = 1280, dark = false, reducedMotion = true, mayComplain = false } = options
    const page = await browser.newPage({
      viewport: { width, height: 900 },
      colorScheme: dark ? 'dark' : 'light',
      reducedMotion: reducedMotion ? 'reduce' : 'no-preference',
    })
    page.setDefaultTimeout(10_000)
    const complaints: string[] = []
    const strangers: string[] = []
    const home = options.home ?? (options.secure === true ? station.secureUrl! : station.url)
    const own = new URL(home).host
    const note = (url: string) => {
      if (new URL(url).host !== own) strangers.push(url)
    }
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('requestfailed', (request) => {
      // the page itself gives up what runs when something else is chosen
      const why = request.failure()?.errorText
      if (why !== 'net::ERR_ABORTED') complaints.push(`failed: ${request.url()} ${why}`)
    })
    page.on('request', (request) => note(request.url()))
    page.on('websocket', (socket) => note(socket.url()))
    try {
      await options.prepare?.(page)
      await page.goto(`${home}${scenario && `#${scenario}`}`)
      await look(page)
      assert.deepEqual(strangers, [])
      if (!mayComplain) assert.deepEqual(complaints, [])
    } finally {
      await page.close()
    }
  }

  /** Waits until an element has that text. */
  const see = (page: Page, selector: string, text: string | RegExp) =>
    page.locator(selector).filter({ hasText: text }).first().waitFor()
  const seeSign = (page: Page, status: number) => see(page, '#sign-status', String(status))
  const entry = (page: Page, from: 'client' | 'server', name: string) =>
    page.locator(`.from-${from}`).filter({ has: page.getByText(name, { exact: true }) })

  test('shows the bytes of its own WebSocket: head, Accept, and frames both ways', async () => {
    await visit({}, async (page) => {
      await seeSign(page, 101)
      await see(page, '.message >> nth=0', /Sec-WebSocket-Key:.*RFC 6455, 11\.3\.1/s)
      await see(page, '.message >> nth=0', /Connection: Upgrade.*RFC 9110, 7\.6\.1/s)
      await see(page, '.message >> nth=1', /101 Switching Protocols.*RFC 9110, 15\.2\.2/s)
      await see(page, '.steps', /258EAFA5-E914-47DA-95CA-C5AB0DC85B11.*They are the same/s)
      await see(page, '.from-server', /FIN.*0x1 text.*Mask.*0, none.*Length.*24.*You are on the new line/s)

      await page.getByLabel('Speak on this line').fill('Grüße')
      await page.getByRole('button', { name: 'Send', exact: true }).click()
      await see(page, '.from-client', /Mask.*1, [0-9a-f ]{11}.*Length.*7.*“Grüße”/s)
      await see(page, '.from-server', /Mask.*0, none.*“Grüße”/s)
      await page.getByRole('button', { name: 'Send 300 characters' }).click()
      await see(page, '.from-server .piece-extended', /01 2c.*length 300/s)
      await page.getByRole('button', { name: 'Send 4 bytes' }).click()
      await entry(page, 'server', 'binary').waitFor()
      await page.getByRole('button', { name: 'Ask for a ping' }).click()
      await entry(page, 'client', 'pong').waitFor()
      await see(page, '#frame-news', 'Frame from the client: pong, 14 bytes: are you there?')
      await page.getByRole('button', { name: 'Close' }).click()
      await see(page, '.from-server', /0x8 close.*1000/s)
      await see(page, '#said', /close: 1000 'end of the line', clean/)
      await page.locator('#compose').waitFor({ state: 'hidden' })
    })
  })

  for (const scenario of scenarios) {
    test(`answers “${scenario.title}” with ${scenario.status}`, async () => {
      await visit({}, async (page) => {
        await seeSign(page, 101)
        await page.getByRole('link', { name: scenario.title }).click()
        await see(page, '#scenario-title', scenario.title)
        await seeSign(page, scenario.status)
        await see(page, '#status', String(scenario.status))
        await page.locator('#said li').first().waitFor()
        assert.equal(await page.locator('[aria-current]').getAttribute('href'), `#${scenario.id}`)
        for (const explained of await page.locator('.wire > li p').allTextContents()) {
          assert.match(explained, /\w+[.:].* RFC \d{4}, [\d.]+$|Fetch Metadata/)
        }
        assert.equal(await page.locator('#diagram svg').count(), 1)
      })
    })
  }

  test('performs every other choice, too', async () => {
    await visit({ scenario: 'preference' }, async (page) => {
      await page.getByLabel('foo/2, example/1').check()
      await see(page, '#diagram li', 'From here on the connection speaks foo/2.')
      await see(page, '.from-server', 'tneilc eht morf olleh')
      await page.getByLabel('quux/9').check()
      await see(page, '#said', "upgrade() resolved with protocol 'foo/2'")
    })
    await visit({ scenario: 'version' }, async (page) => {
      await page.getByLabel('013, malformed').check()
      await seeSign(page, 400)
      await see(page, '.message', /Sec-WebSocket-Version: 13/)
    })
    await visit({ scenario: 'subprotocol' }, async (page) => {
      await see(page, '#said', "socket.protocol is 'chat.v2'")
      await page.getByLabel('turnout’s own client').check()
      await see(page, '#said', "connect() resolved, socket.protocol is 'chat.v2'")
      await see(page, '#diagram li', 'The connection is over.')
    })
  })

  test('RFC 7540 section 3.2: shows the settings of h2c, and the frames of HTTP/2 both ways', async () => {
    await visit({ scenario: 'h2c' }, async (page) => {
      await seeSign(page, 101)
      await see(page, '.settings', /ENABLE_PUSH.*0.*INITIAL_WINDOW_SIZE.*1000000/s)
      await see(page, '.message >> nth=0', /HTTP2-Settings:.*ENABLE_PUSH = 0.*RFC 7540, 3\.2\.1/s)
      await entry(page, 'client', 'preface').waitFor()
      await see(page, '.from-server', /Type.*0x4 SETTINGS.*Stream.*0, the connection itself/s)
      await see(page, '.from-client', /0x4 SETTINGS.*ACK/s)
      await see(page, '.from-server', /0x1 HEADERS.*END_HEADERS.*Stream.*1/s)
      await see(page, '.from-server', /0x0 DATA.*“An ordinary answer to GET \/demo\/h2c, in HTTP\/2\./s)
      await see(page, '#after-rules', 'RFC 9113, 4.1')
    })
  })

  test('RFC 2817: shows TLS in place as records, the answer as the client got it, and the 426', async () => {
    await visit({ scenario: 'tls' }, async (page) => {
      await seeSign(page, 101)
      await see(page, '.message >> nth=1', /Upgrade: TLS\/1\.2, HTTP\/1\.1.*RFC 2817, 3\.3/s)
      await see(page, '.from-client', /22 handshake.*0x0301 TLS 1\.0.*ClientHello/s)
      await see(page, '.from-server', /23 application_data.*0x0303 TLS 1\.2.*encrypted/s)
      await see(page, '#said', /secure: true.*TLSv1\.3.*over TLS: 200 OK.*GET \/demo\/tls/s)
      await see(page, '#after-rules', 'RFC 8446, 5.1')
      await page.getByLabel('TLS 1.2', { exact: true }).check()
      await see(page, '#said', /TLSv1\.2.*over TLS: 200 OK/s)
      await see(page, '.from-server', /22 handshake.*Certificate/s)
    })
    await visit({ scenario: 'tls-required' }, async (page) => {
      await seeSign(page, 426)
      await see(page, '.message >> nth=1', /Upgrade: TLS\/1\.2.*An invitation/s)
      await see(page, '#said', /followed.*secure: true.*over TLS: 200 OK.*GET \/demo\/vault/s)
    })
  })

  for (const { width, dark } of [
    { width: 1280, dark: false },
    { width: 390, dark: true },
  ]) {
    test(`RFC 8441: the browser's own WebSocket runs over HTTP/2 on the https page, ${width} pixels`, async () => {
      await visit({ secure: true, width, dark }, async (page) => {
        await seeSign(page, 200)
        await see(page, '.answer', /Really over HTTP\/2\?.*ALPN h2, TLSv1\.3, stream \d+/s)
        await see(page, '.message >> nth=0', /:method: CONNECT.*RFC 8441, 4/s)
        await see(page, '.message >> nth=0', /:protocol: websocket.*RFC 8441, 4/s)
        await see(page, '.message >> nth=1', /:status: 200.*RFC 8441, 5/s)
        await see(page, '.from-server', /0x1 text.*You are on the new line/s)
        await page.getByLabel('Speak on this line').fill('over a stream')
        await page.getByRole('button', { name: 'Send', exact: true }).click()
        await see(page, '.from-client', /Mask.*1, .*“over a stream”/s)
        await see(page, '.from-server', '“over a stream”')
        await page.getByRole('button', { name: 'Close' }).click()
        await see(page, '#said', /close: 1000 'end of the line', clean/)
        assert.deepEqual(await page.evaluate(weakContrasts), [])
        assert.equal(
          await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          ),
          0,
        )
      })
    })
  }

  test('works by keyboard alone, and shows where the focus is', async () => {
    await visit({}, async (page) => {
      await seeSign(page, 101)
      const focused = () =>
        page.evaluate(() => {
          const element = document.activeElement as HTMLElement
          // A radio button shows its focus on the label around it.
          const shown = element.closest('label') ?? element
          const { outlineStyle, outlineWidth } = getComputedStyle(shown)
          const visible = outlineStyle !== 'none' && outlineWidth !== '0px'
          const name = element.getAttribute('value') ?? element.textContent ?? ''
          return { name: element.id === 'message' ? 'message' : name, visible }
        })
      const tabTo = async (name: string) => {
        for (let presses = 0; presses < 40; presses += 1) {
          await page.keyboard.press('Tab')
          const focus = await focused()
          assert.ok(focus.visible, `the focus is not visible on “${focus.name}”`)
          if (focus.name.includes(name)) return
        }
        assert.fail(`Tab never comes to “${name}”`)
      }

      await tabTo('Skip to the result')
      await tabTo('Choosing a subprotocol')
      await page.keyboard.press('Enter')
      await see(page, '#said', "socket.protocol is 'chat.v2'")
      await tabTo('chat.v3, chat.v2, chat.v1')
      await page.keyboard.press('ArrowDown')
      await see(page, '#said', "socket.protocol is 'chat.v1'")
      await tabTo('Send it again')
      await page.keyboard.press('Enter')
      await see(page, '#said', "socket.protocol is 'chat.v1'")
      await tabTo('message')
      await page.keyboard.press('Control+A')
      await page.keyboard.type('by keyboard')
      await page.keyboard.press('Enter')
      await see(page, '.from-server', '“by keyboard”')
      await tabTo('Close')
      await page.keyboard.press('Enter')
      await see(page, '#said', /close: 1000/)
      assert.equal((await focused()).name, 'Send it again', 'the focus stays on the page when the form goes')
    })
  })

  for (const { width, dark } of [
    { width: 1280, dark: false },
    { width: 1280, dark: true },
    { width: 390, dark: false },
    { width: 390, dark: true },
  ]) {
    test(`can be read at ${width} pixels in ${dark ? 'dark' : 'light'}: contrast, width, names`, async () => {
      for (const scenario of ['websocket', 'declined', 'key', 'h2c', 'tls']) {
        await visit({ scenario, width, dark }, async (page) => {
          await see(page, '#said li', /./)
          await page.locator('.wire').first().waitFor()
          assert.deepEqual(await page.evaluate(weakContrasts), [])
          const overflow = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          )
          assert.equal(overflow, 0)
          for (const landmark of ['banner', 'navigation', 'main', 'contentinfo'] as const) {
            assert.equal(await page.getByRole(landmark).count(), 1, landmark)
          }
          assert.equal(await page.locator('input:not(label input)').count(), 1)
          assert.equal(await page.getByLabel('Speak on this line').count(), 1)
          assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1)
          assert.deepEqual(await page.locator('#status[role=status]').count(), 1)
          assert.equal(await page.locator('#frame-news').getAttribute('aria-live'), 'polite')
        })
      }
    })
  }

  test('moves nothing for those who prefer that', async () => {
    const movement = (page: Page) =>
      page.evaluate(() => getComputedStyle(document.querySelector('.points .lit')!).transitionDuration)
    await visit({ reducedMotion: true }, async (page) => assert.equal(await movement(page), '0s'))
    await visit({ reducedMotion: false }, async (page) => assert.equal(await movement(page), '0.7s'))
  })

  for (const { scenario, answer, width, dark } of [
    { scenario: 'websocket', answer: 101, width: 1280, dark: false },
    { scenario: 'version', answer: 426, width: 390, dark: true },
  ]) {
    test(`says that nobody answers once the station is stopped, and goes on when it is back: ${scenario}`, async () => {
      let own = await startStation({ port: 0, host: '127.0.0.1' })
      try {
        await visit({ scenario, width, dark, home: own.url, mayComplain: true }, async (page) => {
          await seeSign(page, answer)
          await own.close()
          const sentence = 'The station does not answer. Is `npm start` still running?'
          for (let attempts = 0; attempts < 2; attempts += 1) {
            await page.getByRole('button', { name: 'Send it again' }).click()
            await see(page, '#status', sentence)
            await see(page, '#sign', sentence.replaceAll('`', ''))
          }
          await see(page, '#said', scenario === 'version' ? 'the station does not answer' : 'close: 1006')
          assert.deepEqual(await page.evaluate(weakContrasts), [])
          const overflow = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          )
          assert.equal(overflow, 0)

          own = await startStation({ port: own.port, host: '127.0.0.1' })
          await page.getByRole('button', { name: 'Send it again' }).click()
          await seeSign(page, answer)
          await see(page, '#status', String(answer))
        })
      } finally {
        await own.close()
      }
    })
  }

  test('hears the tape by Server-Sent Events where WebSockets do not get through', async () => {
    const prepare = (page: Page) =>
      page.addInitScript(() => {
        const Native = globalThis.WebSocket
        // Asks a path that does not switch, as a proxy that answers in the server's place would.
        globalThis.WebSocket = class extends Native {
          constructor(url: string | URL, protocols?: string | string[]) {
            super(String(url).replace('/tape/', '/demo/no-websocket-here/'), protocols)
          }
        }
      })
    await visit({ scenario: 'version', prepare, mayComplain: true }, async (page) => {
      await seeSign(page, 426)
      await see(page, '#diagram li', 'The connection is over.')
      await page.getByLabel('013, malformed').check()
      await seeSign(page, 400)
    })
  })

  test('shows what a terminal does with the tape of the page', async () => {
    await visit({ scenario: 'key' }, async (page) => {
      await seeSign(page, 400)
      const command = (await page.locator('#terminal').textContent()) ?? ''
      const [, target = ''] = /localhost:\d+(\/demo\/echo\?tape=\w+)/.exec(command) ?? []
      const socket = connectTcp(station.port, '127.0.0.1')
      socket.write(
        `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: example/1\r\n\r\n`,
      )
      await seeSign(page, 101)
      await see(page, '.from-server', 'This is example/1.')
      socket.destroy()
      await see(page, '#diagram li', 'The connection is over.')
    })
  })
})
