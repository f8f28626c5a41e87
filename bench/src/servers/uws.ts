// uWebSockets.js: the C++ server inside Node. Its JavaScript stand-in, which the package loads where it has no binary, is not taken.
import { createRequire } from 'node:module'
import { identityFiles } from '../identity.ts'
import { maxBufferedBytes, maxMessageBytes } from '../limits.ts'
import { answer } from '../questions.ts'

interface UwsSocket {
  send(message: ArrayBuffer, binary: boolean, compress: boolean): number
  subscribe(topic: string): boolean
}

interface UwsApp {
  ws(pattern: string, behavior: Record<string, unknown>): UwsApp
  publish(topic: string, message: ArrayBuffer, binary: boolean): boolean
  listen(host: string, port: number, listening: (token: unknown) => void): UwsApp
}

interface Uws {
  readonly DISABLED: number
  readonly DEDICATED_COMPRESSOR_64KB: number
  readonly DEDICATED_DECOMPRESSOR: number
  App(): UwsApp
  SSLApp(identity: { readonly cert_file_name: string; readonly key_file_name: string }): UwsApp
  us_socket_local_port(token: unknown): number
}

answer({
  listen({ kind, compressed, secure }) {
    const uws = loadUws()
    const app = secure ? secureApp(uws) : uws.App()
    app.ws('/*', {
      // A context for each connection, with the window that turnout has. The shared ones would keep none.
      compression: compressed ? uws.DEDICATED_COMPRESSOR_64KB | uws.DEDICATED_DECOMPRESSOR : uws.DISABLED,
      maxPayloadLength: maxMessageBytes,
      maxBackpressure: maxBufferedBytes,
      idleTimeout: 0,
      sendPingsAutomatically: false,
      open: (socket: UwsSocket) => {
        if (kind === 'fanout') socket.subscribe('all')
      },
      message:
        kind === 'fanout'
          ? (_socket: UwsSocket, data: ArrayBuffer, binary: boolean) => app.publish('all', data, binary)
          : (socket: UwsSocket, data: ArrayBuffer, binary: boolean) => socket.send(data, binary, compressed),
    })
    return new Promise((resolve, reject) => {
      app.listen('127.0.0.1', 0, (token) => {
        if (token) resolve({ port: uws.us_socket_local_port(token) })
        else reject(new Error('it could not listen'))
      })
    })
  },
})

function secureApp(uws: Uws): UwsApp {
  const { cert, key } = identityFiles()
  return uws.SSLApp({ cert_file_name: cert, key_file_name: key })
}

function loadUws(): Uws {
  const binary = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`
  try {
    return createRequire(import.meta.url)(`@trufflesuite/uws-js-unofficial/binaries/${binary}`) as Uws
  } catch {
    throw new Error(`no uWebSockets.js binary for Node ${process.versions.node} (${binary})`)
  }
}
