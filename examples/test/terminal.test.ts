// How the programs of the examples get on with a terminal: ports, errors in one line, and leaving when told.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { explain, readPort } from '../src/terminal.ts'

const run = fileURLToPath(new URL('../src/run.js', import.meta.url))
const names = ['chat', 'express', 'fastify', 'koa', 'hono', 'metrics-prom', 'metrics-otel']

test('a port is a number from 0 to 65535, or what is usual when nothing is said', () => {
  for (const [given, port] of [
    [undefined, 8101],
    ['', 8101],
    ['0', 0],
    ['65535', 65_535],
  ] as const) {
    assert.equal(readPort('PORT', given, 8101), port)
  }
  for (const given of ['65536', '-1', '80.5', 'abc', 'Infinity']) {
    assert.throws(() => readPort('PORT', given, 8101), {
      message: `PORT is '${given}', not a number from 0 to 65535.`,
    })
  }
})

test('whoever cannot listen is told what to do, and what nobody foresaw comes with its stack', () => {
  const says = (error: Error, port = 8101) =>
    explain(error, { host: 'here', port, usual: 8101, command: (other) => `PORT=${other} go` })
  const error = (code: string) => Object.assign(new Error(code), { code })
  assert.match(says(error('EADDRINUSE')), /^Port 8101 is taken .* PORT=8102 go$/)
  assert.match(says(error('EADDRINUSE'), 65_535), /PORT=65534 go$/)
  assert.match(says(error('EACCES'), 80), /port 80\. .* PORT=8101 go$/)
  assert.match(says(error('EADDRNOTAVAIL')), /^HOST is 'here', which is no address of this machine\.$/)
  assert.match(says(new Error('a bug')), /a bug\n +at /)
})

describe('npm run example', () => {
  const other = createServer()
  let taken = 0
  before(async () => {
    await once(other.listen(0, '127.0.0.1'), 'listening')
    taken = (other.address() as { port: number }).port
  })
  after(() => void other.close())

  for (const name of names) {
    test(`${name}: says in one line that the port is taken, and what to do`, async () => {
      assert.deepEqual(await ended(name, String(taken)), [
        `Port ${taken} is taken by another program. Choose one that is free: npm run example ${name} ${taken + 1}\n`,
        1,
      ])
    })
  }

  test('says so when the port is no port, or there is no such example', async () => {
    assert.deepEqual(await ended('chat', 'http'), ["The port is 'http', not a number from 0 to 65535.\n", 1])
    assert.deepEqual(await ended('chess'), [`usage: npm run example <${names.join('|')}> [port]\n`, 2])
  })

  async function ended(...args: readonly string[]): Promise<[stderr: string, code: number]> {
    const child = spawn(process.execPath, [run, ...args], { timeout: 20_000 })
    const closed = once(child, 'close')
    const stderr = await text(child.stderr)
    const [code] = (await closed) as [number]
    return [stderr, code]
  }
})

describe('leaving', () => {
  const house = fileURLToPath(new URL('../../..', import.meta.url))
  const { scripts } = JSON.parse(readFileSync(`${house}/package.json`, 'utf8')) as {
    scripts: Record<string, string>
  }

  for (const [command, line] of [
    ['start', `${scripts.start}`],
    ['example', `${scripts.example} chat 0`],
  ] as const) {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      // npm hands its signals to the shell that it runs a script in, and to nobody else.
      test(`npm ${command}: a ${signal} to the shell of the script leaves no server behind`, async () => {
        const shell = spawn('sh', ['-c', line], {
          cwd: house,
          detached: true,
          env: { ...process.env, PORT: '0', HTTPS_PORT: '0' },
          stdio: ['ignore', 'pipe', 'ignore'],
        })
        try {
          await once(shell.stdout, 'data')
          shell.kill(signal)
          shell.stdout.resume()
          // It ends with the last who holds it: the server.
          await once(shell.stdout, 'end', { signal: AbortSignal.timeout(10_000) })
        } finally {
          if (!shell.stdout.readableEnded) process.kill(-shell.pid!, 'SIGKILL')
        }
      })
    }
  }

  test('a signal that comes twice, from the terminal and from npm, is one', async () => {
    const child = spawn(process.execPath, [run, 'chat', '0'], { timeout: 10_000 })
    await once(child.stdout, 'data')
    child.kill('SIGINT')
    child.kill('SIGINT')
    assert.deepEqual(await once(child, 'close'), [0, null])
  })
})
