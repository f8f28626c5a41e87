// A process that may die of it: the client resets its connection while the server still decides.
import { contenderNamed } from './contenders/all.ts'
import { wait } from './hosting.ts'
import { handshakeFields, RawClient, requestHead } from './raw.ts'

const contender = contenderNamed(process.argv[2])
const running = await contender.start({ decisionMs: 300 })
const client = new RawClient(running.port)
client.write(requestHead(contender.target('/ws'), handshakeFields))
await wait(100)
client.socket.resetAndDestroy()
await wait(500)
process.exit(0)
