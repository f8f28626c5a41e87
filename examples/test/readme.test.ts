// Types what the README says, as it stands, and looks at what comes of it.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const house = findHouse(dirname(fileURLToPath(import.meta.url)))
const folder = mkdtempSync(join(tmpdir(), 'turnout-readme-'))
symlinkSync(join(house, 'node_modules'), join(folder, 'node_modules'))
const children: ChildProcess[] = []

after(() => {
  for (const child of children) child.kill()
  rmSync(folder, { recursive: true, force: true })
})

const readme = readFileSync(join(house, 'README.md'), 'utf8')
for (const [, name, code] of readme.matchAll(/```js file=(\S+)\n(.*?)```/gs)) {
  // another port than the README's, which may be taken
  writeFileSync(join(folder, name!), code!.replaceAll('8080', '18080'))
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

function start(name: string): ChildProcess {
  const child = spawn(process.execPath, [name], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  return child
}

async function said(child: ChildProcess, word: string): Promise<void> {
  let text = ''
  for await (const chunk of child.stdout!) {
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
