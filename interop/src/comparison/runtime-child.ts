// A server and a client of it in one process of another runtime: exit code 0 when a message came back.
import { contenderNamed } from './contenders/all.ts'
import { frame } from './raw.ts'
import { opened } from './row.ts'

const contender = contenderNamed(process.argv[2])
const text = `${contender.prefix}hello`
const said = await opened(contender, {}, async (client) => {
  client.write(frame(1, text))
  return (await client.message())?.payload.toString() ?? ''
})
process.exit(said === text ? 0 : 1)
