// Knows what a row of the comparison is: a fact, and the check that finds it out for one library.
import type { Choices, Contender, Running } from './contender.ts'
import { type Head, handshakeFields, RawClient, requestHead } from './raw.ts'

export interface Row {
  readonly fact: string
  /** Also in the README's shorter table. */
  readonly short?: true
  /** Needs a runtime or a platform that is not here: why; undefined: it can be checked. */
  cannot?(contender: Contender): string | undefined
  /** What stands in the cell, found by running the library or by reading its package. */
  check(contender: Contender): Promise<string>
}

export interface RowGroup {
  readonly title: string
  readonly rows: readonly Row[]
}

/** Starts the library, lets `use` talk to it, and stops it. */
export async function served(
  contender: Contender,
  choices: Choices,
  use: (running: Running) => Promise<string>,
): Promise<string> {
  const running = await contender.start(choices)
  try {
    return await use(running)
  } finally {
    await running.stop()
  }
}

/** Talks to a port, and hangs up. */
export async function talking(port: number, talk: (client: RawClient) => Promise<string>): Promise<string> {
  const client = new RawClient(port)
  try {
    return await talk(client)
  } finally {
    client.destroy()
  }
}

/** Asks for a WebSocket on `/ws`. */
export async function handshake(
  contender: Contender,
  client: RawClient,
  fields: readonly string[] = [],
): Promise<Head | undefined> {
  client.write(requestHead(contender.target('/ws'), [...handshakeFields, ...fields]))
  return client.head()
}

/** Starts the library and has one WebSocket to it open. */
export function opened(
  contender: Contender,
  choices: Choices,
  talk: (client: RawClient, running: Running) => Promise<string>,
  fields: readonly string[] = [],
): Promise<string> {
  return served(contender, choices, (running) =>
    talking(running.port, async (client) => {
      const head = await handshake(contender, client, fields)
      if (head?.status !== 101) throw new Error(`${contender.name} answered ${head?.text ?? 'nothing'}`)
      return talk(client, running)
    }),
  )
}
