// Knows HAProxy and nghttpx between a client and our server, with either version of HTTP on either side of them.
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { certificate, privateKey } from '../certificate.ts'
import { collect, findProgram, stopProcess } from '../child.ts'
import type { HouseKind } from '../http2-house.ts'
import { answers, freePort } from './proxied.ts'

export interface Http2Proxy {
  readonly name: string
  missing(): string | undefined
  /** Listens with TLS for both versions of HTTP, and goes on to our server in the one that `kind` speaks. */
  start(kind: HouseKind, housePort: number): Promise<{ readonly port: number; stop(): Promise<void> }>
}

export const http2Proxies: readonly Http2Proxy[] = [
  {
    name: 'HAProxy',
    missing: () => (findProgram('haproxy') === undefined ? 'no haproxy: apt-get install haproxy' : undefined),
    start: (kind, housePort) =>
      startProxy('haproxy', kind, async (folder, port) => {
        const both = join(folder, 'both.pem')
        await writeFile(both, `${certificate}\n${privateKey}\n`)
        const onward = {
          secure: 'ssl verify none alpn h2',
          http2: 'proto h2',
          shared: 'proto h2',
          http1: '',
        }[kind]
        const config = [
          'defaults',
          '  mode http',
          '  timeout connect 5s',
          '  timeout client 30s',
          '  timeout server 30s',
          '  timeout tunnel 60s',
          'frontend entrance',
          `  bind 127.0.0.1:${port} ssl crt ${both} alpn h2,http/1.1`,
          '  default_backend house',
          'backend house',
          `  server house 127.0.0.1:${housePort} ${onward}`,
          '',
        ]
        await writeFile(join(folder, 'proxy.conf'), config.join('\n'))
        return ['-db', '-f', join(folder, 'proxy.conf')]
      }),
  },
  {
    name: 'nghttpx',
    missing: () =>
      findProgram('nghttpx') === undefined ? 'no nghttpx: apt-get install nghttp2-proxy' : undefined,
    start: (kind, housePort) =>
      startProxy('nghttpx', kind, async (folder, port) => {
        await writeFile(join(folder, 'key.pem'), `${privateKey}\n`)
        await writeFile(join(folder, 'cert.pem'), `${certificate}\n`)
        const onward = {
          secure: 'proto=h2;tls;sni=localhost',
          http2: 'proto=h2',
          shared: 'proto=h2',
          http1: '',
        }[kind]
        return [
          '--conf=/dev/null',
          `--frontend=127.0.0.1,${port}`,
          `--backend=127.0.0.1,${housePort};;${onward}`,
          '--log-level=ERROR',
          '--insecure',
          '--no-ocsp',
          '--workers=1',
          join(folder, 'key.pem'),
          join(folder, 'cert.pem'),
        ]
      }),
  },
]

async function startProxy(
  program: string,
  kind: HouseKind,
  prepare: (folder: string, port: number) => Promise<readonly string[]>,
): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'turnout-http2-'))
  const port = await freePort()
  const args = await prepare(folder, port)
  const proxy = spawn(findProgram(program) as string, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const said = collect(proxy)
  const stop = async (): Promise<void> => {
    await stopProcess(proxy)
    await rm(folder, { recursive: true, force: true })
  }
  for (let attempt = 0; !(await answers(port)); attempt += 1) {
    if (proxy.exitCode === null && attempt < 100) {
      await sleep(50)
      continue
    }
    await stop()
    throw new Error(`${program} before a server of kind ${kind} does not listen: ${said()}`)
  }
  return { port, stop }
}
