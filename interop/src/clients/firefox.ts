// Knows Firefox as Debian has it: headless, driven over WebDriver BiDi, which is a WebSocket and thus our own
// client's affair. It takes certificates that nobody vouches for.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'turnout'
import { findProgram, stopProcess } from '../child.ts'

export interface FirefoxPage {
  goto(url: string): Promise<void>
  /** The value of an expression, waited for; a string. */
  evaluate(expression: string): Promise<string>
  close(): Promise<void>
}

export function findFirefox(): string | undefined {
  return findProgram('firefox-esr', 'firefox')
}

export async function openFirefox(): Promise<FirefoxPage> {
  const profile = await mkdtemp(join(tmpdir(), 'turnout-firefox-'))
  const child = spawn(
    findFirefox() as string,
    ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0'],
    { env: { ...process.env, HOME: profile, MOZ_HEADLESS: '1' }, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const end = async (): Promise<void> => {
    await stopProcess(child)
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
  try {
    const socket = await connect(`${await addressOf(child)}/session`, { maxMessageBytes: 16_777_216 })
    const waiting = new Map<number, (answer: Answer) => void>()
    let count = 0
    void (async () => {
      for await (const message of socket) {
        const answer = JSON.parse(String(message)) as Answer
        if (answer.id !== undefined) waiting.get(answer.id)?.(answer)
      }
    })()
    const run = async (method: string, params: unknown): Promise<Result> => {
      const id = ++count
      const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve))
      await socket.send(JSON.stringify({ id, method, params }))
      const { result, error, message } = await answered
      if (result === undefined) throw new Error(`Firefox: ${method}: ${error}: ${message}`)
      return result
    }
    await run('session.new', { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } })
    const { contexts } = await run('browsingContext.getTree', {})
    const context = contexts![0]!.context
    return {
      async goto(url) {
        await run('browsingContext.navigate', { context, url, wait: 'complete' })
      },
      async evaluate(expression) {
        const { result } = await run('script.evaluate', {
          expression,
          target: { context },
          awaitPromise: true,
        })
        return String(result?.value)
      },
      async close() {
        socket.terminate()
        await end()
      },
    }
  } catch (error) {
    await end()
    throw error
  }
}

interface Answer {
  readonly id?: number
  readonly result?: Result
  readonly error?: string
  readonly message?: string
}

interface Result {
  readonly contexts?: readonly { readonly context: string }[]
  readonly result?: { readonly value?: unknown }
}

function addressOf(child: ReturnType<typeof spawn>): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.on('exit', (code) => reject(new Error(`Firefox ended with ${code}: ${said.slice(-2_000)}`)))
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      said += text
      const address = /WebDriver BiDi listening on (ws:\S+)/.exec(said)?.[1]
      if (address !== undefined) resolve(address)
    })
  })
}
