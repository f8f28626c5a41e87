// Starts the station on PORT (8101) and HOST (127.0.0.1), and stops it on Ctrl-C.
import { startStation } from './station.ts'

const port = Number(process.env.PORT || 8101)
const httpsPort = Number(process.env.HTTPS_PORT || 8443)
const host = process.env.HOST || '127.0.0.1'

if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  fail(`PORT is '${process.env.PORT}', not a number from 0 to 65535.`)
} else if (!Number.isInteger(httpsPort) || httpsPort < 0 || httpsPort > 65_535) {
  fail(`HTTPS_PORT is '${process.env.HTTPS_PORT}', not a number from 0 to 65535.`)
} else {
  try {
    const station = await startStation({ port, host, httpsPort })
    console.log(`The station is open: ${station.url}`)
    if (station.secureUrl !== undefined) console.log(`Over HTTP/2: ${station.secureUrl}`)
    else {
      const taken = station.secureError?.code === 'EADDRINUSE'
      console.error(
        `No page over https: port ${httpsPort} ${taken ? 'is taken by another program' : `cannot be used (${station.secureError?.code})`}. Choose another: HTTPS_PORT=${httpsPort + 1} npm start`,
      )
    }
    const stop = () => void station.close()
    process.once('SIGINT', stop)
    process.once('SIGTERM', stop)
  } catch (error) {
    fail(explain(error as NodeJS.ErrnoException))
  }
}

function explain(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `Port ${port} is taken by another program. Choose one that is free: PORT=${port + 1} npm start`
    case 'EACCES':
      return `This user may not listen on port ${port}. Choose one above 1023: PORT=8101 npm start`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `HOST is '${host}', which is no address of this machine.`
    default:
      return `The station cannot open: ${error.stack ?? error}`
  }
}

function fail(message: string): void {
  console.error(message)
  process.exitCode = 1
}
