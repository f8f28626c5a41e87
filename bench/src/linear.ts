// Knows what n of a thing cost, for a growing n, in memory: whether anything of turnout is quadratic.
import { webSocketPair } from 'turnout/testing'

/** Milliseconds of CPU for each kind, by its title. */
export interface LinearRow {
  readonly count: number
  readonly cpuMs: Readonly<Record<string, number>>
}

type Kind = (count: number) => Promise<void>

const kinds: Readonly<Record<string, Kind>> = {
  'a message in n fragments of one byte': async (count) => {
    const { client, received } = pair()
    await client.send(repeat(count))
    await received(1)
  },
  'one frame in n chunks of one byte': async (count) => {
    const { client, link, received } = pair()
    link.split([1], 'toServer')
    await client.send('x'.repeat(count))
    await received(1)
  },
  'n sends queued against backpressure, then drained': async (count) => {
    const { client, link, received } = pair()
    link.stall('toServer')
    for (let sent = 0; sent < count; sent++) void client.send('x')
    link.flow('toServer')
    await received(count)
  },
}

/** The counts of docs/performance.md. */
export const linearCounts: readonly number[] = [250_000, 500_000, 1_000_000]

/** What each kind costs for each count: the least of three, both ends and the link between them included. */
export async function measureLinear(counts: readonly number[]): Promise<readonly LinearRow[]> {
  const rows: LinearRow[] = []
  // Code is compiled before it counts.
  for (const kind of Object.values(kinds)) await kind(counts[0] ?? 0)
  for (const count of counts) {
    const cpuMs: Record<string, number> = {}
    for (const [title, kind] of Object.entries(kinds)) cpuMs[title] = await leastCpuMs(kind, count)
    rows.push({ count, cpuMs })
  }
  return rows
}

/** As docs/performance.md shows it. */
export function linearTable(rows: readonly LinearRow[]): string {
  const lines = rows.map(({ count, cpuMs }) => [
    count.toLocaleString('en'),
    ...Object.keys(kinds).map((title) => `${Math.round(cpuMs[title] ?? 0)}`),
  ])
  return [['n', ...Object.keys(kinds)], ['n', ...Object.keys(kinds)].map(() => '---'), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}

async function leastCpuMs(kind: Kind, count: number): Promise<number> {
  const times: number[] = []
  for (let turn = 0; turn < 3; turn++) {
    const before = process.cpuUsage()
    await kind(count)
    const { user, system } = process.cpuUsage(before)
    times.push((user + system) / 1000)
  }
  return Math.min(...times)
}

/** A client that may send anything, and when so many messages are with the server. */
function pair() {
  let messages = 0
  let awaited = { count: Infinity, reached: () => {} }
  const { client, link } = webSocketPair({
    server: {
      maxMessageBytes: 2 ** 30,
      message() {
        if (++messages >= awaited.count) awaited.reached()
      },
    },
    client: { slowConsumer: 'wait' },
  })
  const received = (count: number) =>
    new Promise<void>((reached) => {
      awaited = { count, reached }
      if (messages >= count) reached()
    })
  return { client, link, received }
}

function* repeat(count: number): Generator<string> {
  for (let sent = 0; sent < count; sent++) yield 'x'
}
