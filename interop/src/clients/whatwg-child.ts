// Knows how to be told, line by line, what to do with the WebSocket that this runtime brings along.
import { createInterface } from 'node:readline'
import { type Command, drive, type WhatwgConstructor } from '../whatwg.ts'

const { WebSocket: Socket } = globalThis as unknown as { readonly WebSocket: WhatwgConstructor }
createInterface({ input: process.stdin }).on('line', async (line) => {
  console.log(JSON.stringify(await drive(Socket, JSON.parse(line) as Command)))
})
