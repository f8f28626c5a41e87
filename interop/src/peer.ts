// Knows the small contract that every peer fulfils, whatever it is written in.

/** A whole message, described: both sides make the same bytes from it. */
export interface Payload {
  readonly kind: 'text' | 'binary'
  readonly bytes: number
}

/** The end of a connection, as one side saw it. */
export interface Ending {
  readonly code: number
  readonly reason: string
}

/** What the peer is to put into its Close frame. */
export interface Goodbye {
  readonly code?: number | undefined
  readonly reason?: string | undefined
}

export interface EchoReport {
  /** The subprotocol that was agreed on, '' for none. */
  readonly protocol: string
  /** How many messages came back as they were sent. */
  readonly same: number
  /** What came back otherwise. */
  readonly wrong: readonly string[]
}

/** A foreign client for our server. */
export interface ClientPeer {
  readonly name: string
  /** Codes that this client lets its user close with; WHATWG knows 1000 and 3000 to 4999 only. */
  readonly closeCodes: readonly number[]
  /** Why it cannot run on this machine; undefined: it can. */
  missing(): string | undefined
  /** `origin`: of our server, such as http://127.0.0.1:1234. */
  start(origin: string): Promise<RunningClient>
}

export interface RunningClient {
  /** Connects, sends each message when the one before has come back, and closes with 1000. */
  echo(url: string, protocols: readonly string[], payloads: readonly Payload[]): Promise<EchoReport>
  /** Connects, closes, and tells how it ended. */
  close(url: string, goodbye: Goodbye): Promise<Ending>
  /** Connects, waits for our Close, and tells what it bore. */
  closed(url: string): Promise<Ending>
  stop(): Promise<void>
}

/** A foreign server, or a proxy before our own, for our client. */
export interface ServerPeer {
  readonly name: string
  /** What its Close bears when its user names no code: nothing (1005), as a rule. */
  readonly plainCloseCode: 1000 | 1005
  missing(): string | undefined
  start(): Promise<RunningServer>
}

/** Serves `/echo` (everything comes back) and `/close?code=…&reason=…` (closes at once). */
export interface RunningServer {
  /** Such as ws://127.0.0.1:1234, without a path. */
  readonly origin: string
  /** How the next connection ended, as the server saw it, in order. */
  nextEnding(): Promise<Ending>
  stop(): Promise<void>
}

/** Sizes at which the frame header changes its form, and the largest message that is taken by default. */
export const payloads: readonly Payload[] = [0, 1, 125, 126, 127, 65_535, 65_536, 1_048_576].flatMap(
  (bytes): Payload[] => [
    { kind: 'text', bytes },
    { kind: 'binary', bytes },
  ],
)
