// Knows our own server with compression, as foreign clients see it: one route for each choice of options.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CompressionOptions, createTurnout } from 'turnout'
import { createQueue } from './queue.ts'

export interface CompressedHouse {
  readonly origin: string
  /** Where everything comes back, under the choice of that number. */
  url(choice: number): string
  /** What was agreed upon with the next connection, in order. */
  nextExtensions(): Promise<string>
  stop(): Promise<void>
}

export async function startCompressedHouse(choices: readonly CompressionOptions[]): Promise<CompressedHouse> {
  const extensions = createQueue<string>()
  const turnout = createTurnout()
  const server = createServer((_request, response) => {
    response
      .setHeader('Content-Type', 'text/html; charset=utf-8')
      .end('<!doctype html><title>turnout</title>')
  })
  for (const [choice, compression] of choices.entries()) {
    turnout.websocket(`/${choice}`, {
      compression,
      open: (socket) => extensions.push(socket.extensions),
      message: (socket, message) => void socket.send(message),
    })
  }
  turnout.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin: `http://${host}`,
    url: (choice) => `ws://${host}/${choice}`,
    nextExtensions: () => extensions.next(),
    async stop() {
      await turnout.close({ grace: 1_000 })
      server.closeAllConnections()
      server.close()
    },
  }
}
