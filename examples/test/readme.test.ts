// Types what the README and the guide to the server say, as it stands, and looks at what comes of it.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { on, once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connect } from 'turnout'

const house = findHouse(dirname(fileURLToPath(import.meta.url)))
const folder = mkdtempSync(join(tmpdir(), 'turnout-readme-'))
symlinkSync(join(house, 'node_modules'), join(folder, 'node_modules'))
const children: ChildProcess[] = []

after(() => {
  for (const child of children) child.kill()
  rmSync(folder, { recursive: true, force: true })
})

for (const path of ['README.md', 'docs/server.md']) {
  const text = readFileSync(join(house, path), 'utf8')
  for (const [, name, code] of text.matchAll(/```js file=(\S+)\n(.*?)```/gs)) {
    // other ports than theirs, which may be taken
    writeFileSync(join(folder, name!), code!.replaceAll(/\b808\d\b/g, '1$&'))
  }
}

test("the README's server and client talk to each other", { timeout: 20_000 }, async () => {
  const server = start('server.mjs')
  await said(server, 'listening')
  const client = start('client.mjs')
  const output = await all(client)
  assert.match(output, /welcome to tea, ada\nhello\n/)
  assert.match(output, /code: 1000/)
  const stranger = await fetch('http://127.0.0.1:18080/chat/tea')
  assert.equal(await stranger.text(), 'an ordinary page\n')
})

test("the README's own protocol is chosen in the client's order, and declined where nobody speaks it", {
  timeout: 20_000,
}, async () => {
  assert.equal(await all(start('custom.mjs')), 'example/1\nHELLO\nundefined 200\n')
})

test("the guide's rooms hear who comes, who says what and who leaves, and are told when the server goes", {
  timeout: 20_000,
}, async () => {
  const server = start('rooms.mjs')
  const output = all(server)
  await said(server, 'listening')
  const url = 'ws://127.0.0.1:18082/rooms'
  await assert.rejects(connect(`${url}/tea`), { status: 401 })
  const heard: string[] = []
  const ada = await connect(`${url}/tea?name=ada`)
  const elsewhere = await connect(`${url}/coffee?name=eve`, {
    message: (_socket, text) => void heard.push(`${text}`),
  })
  const messages = ada[Symbol.asyncIterator]()
  const next = async () => (await messages.next()).value
  assert.equal(await next(), 'ada is here')
  const bob = await connect(`${url}/tea?name=bob`)
  assert.equal(await next(), 'bob is here')
  await bob.send('hello')
  assert.equal(await next(), 'bob: hello')
  await bob.close(1000)
  assert.equal(await next(), 'bob has left')
  server.kill('SIGTERM')
  assert.deepEqual([(await ada.closed).code, (await elsewhere.closed).code], [1001, 1001])
  assert.match(await output, /2 left, 0 had to be destroyed/)
  assert.deepEqual(heard, ['eve is here'])
})

function start(name: string): ChildProcess {
  const child = spawn(process.execPath, [name], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  return child
}

async function said(child: ChildProcess, word: string): Promise<void> {
  let text = ''
  // `for await` over the stream itself would end it
  for await (const [chunk] of on(child.stdout!, 'data', { close: ['end'] })) {
    text += chunk
    if (text.includes(word)) return
  }
  throw new Error(`it ended without saying ${word}: ${text}`)
}

async function all(child: ChildProcess): Promise<string> {
  let text = ''
  child.stdout!.on('data', (chunk: Buffer) => {
    text += chunk
  })
  const [code] = await once(child, 'close')
  assert.equal(code, 0)
  return text
}

function findHouse(from: string): string {
  try {
    if (JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')).workspaces !== undefined) return from
  } catch {
    // not here
  }
  return findHouse(dirname(from))
}
