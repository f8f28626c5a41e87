// Knows how a peer that is not there is treated: skipped with a word here, a failure where everything must be.
import { describe, it } from 'node:test'

interface Peer {
  readonly name: string
  missing(): string | undefined
}

export function describePeer(title: string, peer: Peer, tests: () => void): void {
  const reason = peer.missing()
  if (reason === undefined) {
    describe(title, tests)
  } else if (process.env.CI === 'true') {
    it(title, () => {
      throw new Error(reason)
    })
  } else {
    it(title, { skip: reason }, () => {})
  }
}
