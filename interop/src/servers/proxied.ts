// Knows how our own server is put behind a proxy that runs as a child.
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { collect, stopProcess } from '../child.ts'
import { startHouseServer } from '../house-server.ts'
import type { RunningServer } from '../peer.ts'

export interface ProxySetup {
  readonly program: string
  /** The configuration: listen on `port`, go on to `upstreamPort`, keep everything in `folder`. */
  config(ports: { readonly port: number; readonly upstreamPort: number; readonly folder: string }): string
  args(configFile: string, folder: string): readonly string[]
}

export async function startProxied({ program, config, args }: ProxySetup): Promise<RunningServer> {
  const house = await startHouseServer()
  const folder = await mkdtemp(join(tmpdir(), 'turnout-proxy-'))
  const port = await freePort()
  const configFile = join(folder, 'proxy.conf')
  await writeFile(configFile, config({ port, upstreamPort: house.port, folder }))
  const proxy = spawn(program, args(configFile, folder), { stdio: ['ignore', 'ignore', 'pipe'] })
  const said = collect(proxy)

  const stop = async (): Promise<void> => {
    await house.stop()
    await stopProcess(proxy)
    await rm(folder, { recursive: true, force: true })
  }
  for (let attempt = 0; !(await answers(port)); attempt += 1) {
    if (proxy.exitCode === null && attempt < 100) {
      await sleep(50)
      continue
    }
    await stop()
    throw new Error(`${program} does not listen: ${said()}`)
  }
  return { origin: `ws://127.0.0.1:${port}`, nextEnding: () => house.nextEnding(), stop }
}

/** A port that nobody listens on just now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject).listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}
