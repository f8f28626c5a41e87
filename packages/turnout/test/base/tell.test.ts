// Knows that whoever is told of an error cannot end the process by failing as well.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tell, tellOrWarn } from '../../src/base/tell.ts'
import { turn } from './turns.ts'

const broken = new Error('broken')
const throwing = (): never => {
  throw broken
}
const rejecting = () => Promise.reject(broken)

/** Warnings that came of it; anything worse fails the test. */
async function warnings(act: () => unknown): Promise<unknown[]> {
  const seen: unknown[] = []
  const worse: unknown[] = []
  const note = (warning: Error) => void seen.push(warning.message)
  const fail = (error: unknown) => void worse.push(error)
  process.on('warning', note).on('uncaughtException', fail).on('unhandledRejection', fail)
  await act()
  for (let turns = 0; turns < 5; turns++) await turn()
  process.off('warning', note).off('uncaughtException', fail).off('unhandledRejection', fail)
  assert.deepEqual(worse, [])
  return seen
}

for (const onError of [throwing, rejecting]) {
  test(`told by ${onError.name}: a warning`, async () => {
    assert.deepEqual(await warnings(() => tell(onError)), ['broken, in onError'])
  })
}

test('told where somebody asked to be, or else a warning of the process', async () => {
  const told: unknown[][] = []
  const listener = (...of: [error: unknown, context: string]) => void told.push(of)
  assert.deepEqual(await warnings(() => tellOrWarn(listener, [broken, 'chat'], 'in chat')), [])
  assert.deepEqual(told, [[broken, 'chat']])
  assert.deepEqual(await warnings(() => tellOrWarn(undefined, [broken, 'chat'], 'in chat')), [
    'broken, in chat',
  ])
  assert.deepEqual(await warnings(() => tellOrWarn(throwing, [broken], 'in chat')), ['broken, in onError'])
})
