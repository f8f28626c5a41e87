// Starts the station on PORT (8101) and HOST (127.0.0.1), and stops it on Ctrl-C.
import { besides, explain, onLeaving, readPort } from '../terminal.ts'
import { startStation } from './station.ts'

const host = process.env.HOST || '127.0.0.1'
const usual = 8101
let port = usual

try {
  port = readPort('PORT', process.env.PORT, usual)
  const httpsPort = readPort('HTTPS_PORT', process.env.HTTPS_PORT, 8443)
  const station = await startStation({ port, host, httpsPort })
  onLeaving(() => void station.close())
  console.log(`The station is open: ${station.url}`)
  if (station.secureUrl !== undefined) console.log(`Over HTTP/2: ${station.secureUrl}`)
  else {
    const taken = station.secureError?.code === 'EADDRINUSE'
    console.error(
      `No page over https: port ${httpsPort} ${taken ? 'is taken by another program' : `cannot be used (${station.secureError?.code})`}. Choose another: HTTPS_PORT=${besides(httpsPort)} npm start`,
    )
  }
} catch (error) {
  const command = (other: number) => `PORT=${other} npm start`
  console.error(explain(error as NodeJS.ErrnoException, { host, port, usual, command }))
  process.exitCode = 1
}
