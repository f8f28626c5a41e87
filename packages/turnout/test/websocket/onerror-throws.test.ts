// Knows that an `onError` of the application's, on either side, cannot end the process by failing as well.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '../../src/websocket/client.ts'
import { openStation } from '../upgrade/wire.ts'

const broken = new Error('broken')
const throwing = (): never => {
  throw broken
}
const rejecting = () => Promise.reject(broken)

for (const onError of [throwing, rejecting]) {
  for (const message of [throwing, rejecting]) {
    for (const side of ['server', 'client'] as const) {
      test(`onError of a ${side}, ${onError.name} about a callback that is ${message.name}: a warning`, async () => {
        const warned: unknown[] = []
        const worse: unknown[] = []
        const note = (warning: Error) => void warned.push(warning.message)
        const fail = (error: unknown) => void worse.push(error)
        process.on('warning', note).on('uncaughtException', fail).on('unhandledRejection', fail)
        const ours =
          side === 'server'
            ? { message }
            : { open: (socket: { send(text: string): unknown }) => void socket.send('x'), message() {} }
        const station = await openStation({
          ...(side === 'server' && { onError }),
          setUp: (turnout) => void turnout.websocket('/', ours),
        })
        const socket = await connect(
          `ws://127.0.0.1:${station.port}/`,
          side === 'client' ? { message, onError } : {},
        )
        if (side === 'server') await socket.send('x')
        await socket.closed
        await station.stop()
        process.off('warning', note).off('uncaughtException', fail).off('unhandledRejection', fail)
        assert.deepEqual([warned, worse], [['broken, in onError'], []])
      })
    }
  }
}
