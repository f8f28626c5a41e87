// Knows the protocols that this station speaks: what a user of turnout would write.
import { createInterface } from 'node:readline'
import type { Duplex } from 'node:stream'
import type { createTurnout } from 'turnout'

export function layLines(turnout: ReturnType<typeof createTurnout>): void {
  turnout.websocket('/demo/echo', {
    open(socket) {
      socket.send('You are on the new line.')
    },
    message(socket, message) {
      if (message === 'ping me') socket.ping('are you there?')
      else socket.send(message)
    },
  })

  turnout.websocket('/demo/chat', {
    protocols: ['chat.v2', 'chat.v1'],
    async handler(socket) {
      await socket.send(socket.protocol === '' ? 'We share no subprotocol.' : `We speak ${socket.protocol}.`)
      for await (const message of socket) await socket.send(message)
    },
  })

  turnout.protocol('example/1', { handler: shout })
  turnout.protocol('foo/2', { handler: reverse })
}

/** example/1: says every line louder. */
async function shout(stream: Duplex): Promise<void> {
  stream.write('This is example/1.\n')
  for await (const line of createInterface({ input: stream })) stream.write(`${line.toUpperCase()}\n`)
  stream.end()
}

/** foo/2: says every line backwards. */
async function reverse(stream: Duplex): Promise<void> {
  stream.write('This is foo/2.\n')
  for await (const line of createInterface({ input: stream })) {
    stream.write(`${[...line].reverse().join('')}\n`)
  }
  stream.end()
}
