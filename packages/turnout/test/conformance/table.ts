// Knows how a table of cases is run: each case in both roles, over TCP and in memory, its bytes cut in every way.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CloseInfo } from '../../src/websocket/connection.ts'
import type { ConnectionOptions } from '../../src/websocket/options.ts'
import { EVERYWHERE, type Opened, type Setting } from './endpoint.ts'
import { type Bytes, bytes, close, hex, masked, SPLITS, type Split } from './hex.ts'
import { read } from './reference.ts'

/** How a connection ends when the endpoint finds a fault: the code of its Close. */
export interface Failing {
  readonly fails: 1002 | 1007 | 1009
}

/** How a connection ends by the peer's Close: what `closed` says of it. */
export interface Closing {
  readonly closes: readonly [code: number, reason?: string]
}

/** Bytes in, bytes and events out. The peer's frames are given without masks; a peer of a server masks them. */
export type Case = Partial<Failing & Closing> & {
  readonly send: readonly Bytes[]
  /** What the application hears, in the notation of log.ts. Default: nothing. */
  readonly events?: readonly string[]
  /** Frames that the endpoint sends before its Close. Default: none. */
  readonly answers?: readonly Bytes[]
  readonly echo?: boolean
  readonly options?: ConnectionOptions
}

/** Beyond these many bytes a byte at a time takes too long. */
const LONGEST_BY_BYTE = { TCP: 150, memory: 2_000 } as const

/** Up to this size the bytes are also cut in two at every place. */
const LONGEST_FOR_EVERY_CUT = 150

/** A suite with a test for every case. A case that neither fails nor closes has to live on; the peer's Close ends it. */
export function conform(
  title: string,
  cases: Readonly<Record<string, Case>>,
  settings: readonly Setting[] = EVERYWHERE,
): void {
  describe(title, { concurrency: 12, timeout: 120_000 }, () => {
    for (const [name, row] of Object.entries(cases)) {
      it(name, () => runEverywhere(row, settings))
    }
  })
}

async function runEverywhere(row: Case, settings: readonly Setting[]): Promise<void> {
  agreeWithReference(row)
  await Promise.all(
    settings.map(async (setting) => {
      for (const split of splitsFor(row, setting)) {
        await runCase(row, setting, split).catch((error: unknown) => {
          throw named(error, `${setting.role}, ${setting.carrier}, ${splitName(split)}`)
        })
      }
    }),
  )
}

export async function runCase(row: Case, setting: Setting, split: Split): Promise<void> {
  const { options = {}, echo = false } = row
  const opened = await setting.open({ options, echo })
  await opened.peer.send(row.send, split)
  await conclude(opened, row)
}

/** The rest of a case, once its bytes are sent: answers, events, who closes how, and what `closed` says. */
export async function conclude(opened: Opened, row: Omit<Case, 'send'>): Promise<void> {
  const { peer, endpoint, role } = opened
  const { fails, closes = [1000] } = row
  if (fails === undefined && row.closes === undefined) await peer.send([close(1000)])
  const frames = await peer.framesToClose()
  const answers = frames.filter((frame) => frame[0] !== 0x88).map(hex)
  assert.deepEqual(
    withoutStalePongs(answers),
    withoutStalePongs((row.answers ?? []).map((each) => hex(bytes(each)))),
  )
  assertClose(frames.at(-1), fails ?? closes[0])
  await expectGoodOrder(opened, fails !== undefined)
  assert.deepEqual(endpoint.events, row.events ?? [])
  await expectInfo(
    opened,
    fails === undefined
      ? { code: closes[0], reason: closes[1] ?? '', clean: true }
      : { code: 1006, reason: '', clean: false, cause: CAUSES[fails] },
  )
  assert.ok(role === 'client' || peer.keys.length === 0)
}

const CAUSES = { 1002: 'ERR_FRAME', 1007: 'ERR_UTF8', 1009: 'ERR_MESSAGE_TOO_BIG' } as const

/** Section 7.1.1: the server ends TCP first, the client waits for it; but who fails the connection need not wait. */
export async function expectGoodOrder({ peer, role }: Opened, failed = false): Promise<void> {
  if (role === 'server') {
    await peer.expectEnd()
    peer.end()
    return
  }
  if (!failed) await peer.expectNothing()
  peer.end()
  await peer.expectEnd()
}

/** What `closed` and the `close` callback say, once each. `cause` is the code of the cause, when one is due. */
export async function expectInfo(
  { endpoint }: Opened,
  due: Pick<CloseInfo, 'code' | 'reason' | 'clean'> & { readonly cause?: string | RegExp },
): Promise<void> {
  const { code, reason, clean, cause } = await endpoint.socket.closed
  const { cause: dueCause, ...dueRest } = due
  assert.deepEqual({ code, reason, clean }, dueRest)
  const causeCode = cause === undefined ? 'no cause' : String((cause as Error & { code?: string }).code)
  if (dueCause instanceof RegExp) assert.match(causeCode, dueCause)
  else assert.equal(causeCode, dueCause ?? 'no cause')
  assert.equal(endpoint.socket.readyState, 'closed')
  assert.equal(endpoint.recorder.closes.length, 1, 'calls of `close`')
  assert.equal(endpoint.recorder.closes[0]!.code, code)
}

function assertClose(frame: Buffer | undefined, code: number): void {
  const seen = frame === undefined ? 'the end' : hex(frame)
  assert.ok(frame?.[0] === 0x88, `a Close with ${code} was due, ${seen} came`)
  const body = frame.subarray(2)
  assert.ok(body.length !== 1 && body.length <= 125, seen)
  assert.equal(body.length === 0 ? 1005 : body.readUInt16BE(0), code, seen)
  assert.doesNotThrow(() => new TextDecoder('utf-8', { fatal: true }).decode(body.subarray(2)), seen)
}

/** Section 5.5.3: of several Pings only the latest needs its Pong. So only the last Pong in a row is compared. */
function withoutStalePongs(frames: readonly string[]): readonly string[] {
  return frames.filter((frame, at) => !frame.startsWith('8a') || !frames[at + 1]?.startsWith('8a'))
}

/** The endpoint makes of these bytes, as sent, what the slow reader makes of them. */
export async function expectReading(
  setting: Setting,
  asSent: Uint8Array,
  split: Split = 'all at once',
  options: ConnectionOptions = {},
): Promise<void> {
  const due = read(setting.role, asSent, options.maxMessageBytes)
  const opened = await setting.open({ options })
  const { peer, endpoint } = opened
  await peer.sendBytes([asSent], split)
  // with the connection still open, FIN is what makes the endpoint come to an end
  if (due.end.kind === 'open') peer.end()
  const frames = await peer.framesToClose()
  const answers = frames.filter((frame) => frame[0] !== 0x88).map(hex)
  assert.deepEqual(withoutStalePongs(answers), withoutStalePongs(due.answers))
  const own = frames.find((frame) => frame[0] === 0x88)
  const code = due.end.kind === 'open' ? due.end.mayFail : due.end.code
  if (due.end.kind !== 'open' || own !== undefined) assertClose(own, code ?? 0)
  peer.end()
  await peer.expectEnd()
  assert.deepEqual(endpoint.events, due.events)
  const info = await endpoint.socket.closed
  assert.equal(info.code, due.end.kind === 'closed' ? due.end.code : 1006)
  assert.equal(info.reason, due.end.kind === 'closed' ? due.end.reason : '')
}

/** The table is a test of the slow reader, too: what that gives for other bytes can be trusted then. */
function agreeWithReference(row: Case): void {
  const whole = Buffer.concat(row.send.map((frame) => bytes(frame)))
  if (whole.length > 70_000 || row.echo) return
  const asSent = Buffer.concat(row.send.map((frame) => masked(frame)))
  for (const reading of [
    read('server', asSent, row.options?.maxMessageBytes),
    read('client', whole, row.options?.maxMessageBytes),
  ]) {
    assert.deepEqual(reading.events, row.events ?? [], 'by the slow reader')
    assert.deepEqual(
      reading.answers,
      (row.answers ?? []).map((frame) => hex(bytes(frame))),
      'by the slow reader',
    )
    const { end } = reading
    if (row.fails !== undefined)
      assert.equal(end.kind === 'open' ? end.mayFail : 'code' in end && end.code, row.fails)
    else if (row.closes === undefined) assert.deepEqual(end, { kind: 'open', mayFail: undefined })
    else assert.deepEqual(end, { kind: 'closed', code: row.closes[0], reason: row.closes[1] ?? '' })
  }
}

function splitsFor(row: Case, setting: Setting): Split[] {
  const size = row.send.reduce((sum, frame) => sum + bytes(frame).length, 0)
  const named = SPLITS.filter((split) => size <= LONGEST_BY_BYTE[setting.carrier] || !split.includes('byte'))
  if (setting.carrier === 'TCP' || size > LONGEST_FOR_EVERY_CUT) return named
  const masks = setting.role === 'server' ? 4 * row.send.length : 0
  return [...named, ...Array.from({ length: Math.max(0, size + masks - 1) }, (_, at) => at + 1)]
}

export function splitName(split: Split): string {
  return typeof split === 'number' ? `cut after byte ${split}` : split
}

/** The same failure, with where it happened in front. */
export function named(error: unknown, where: string): unknown {
  if (error instanceof Error) error.message = `[${where}] ${error.message}`
  return error
}
