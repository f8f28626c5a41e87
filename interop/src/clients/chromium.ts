// Knows Chromium's WebSocket, on a page of our own server: headless, driven by playwright-core.
import { type Browser, chromium as engine } from 'playwright-core'
import { findProgram } from '../child.ts'
import { payload } from '../payload.ts'
import type { ClientPeer, EchoReport, Ending } from '../peer.ts'
import { type Command, drive } from '../whatwg.ts'

export const chromium: ClientPeer = {
  name: 'Chromium',
  closeCodes: [1000, 3000, 4999],
  missing: () => (findChromium() === undefined ? 'no Chromium: apt-get install chromium' : undefined),
  async start(origin) {
    const browser = await launchChromium()
    const page = await browser.newPage()
    try {
      await page.goto(origin)
      await page.addScriptTag({ content: `${payload}\n${drive}` })
    } catch (error) {
      await browser.close()
      throw error
    }
    const run = (command: Command) => page.evaluate(`drive(WebSocket, ${JSON.stringify(command)})`)
    return {
      echo: (url, protocols, payloads) =>
        run({ op: 'echo', url, protocols, payloads }) as Promise<EchoReport>,
      close: (url, goodbye) => run({ op: 'close', url, goodbye }) as Promise<Ending>,
      closed: (url) => run({ op: 'closed', url }) as Promise<Ending>,
      stop: () => browser.close(),
    }
  },
}

export function findChromium(): string | undefined {
  return findProgram('/usr/bin/chromium', 'chromium', 'chromium-browser', 'google-chrome')
}

export function launchChromium(): Promise<Browser> {
  return engine.launch({
    executablePath: findChromium() as string,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
