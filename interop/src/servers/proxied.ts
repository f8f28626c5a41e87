// Knows how a proxy runs as a child, and how our own server is put behind it.
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { collect, stopProcess } from '../child.ts'
import { startHouseServer } from '../house-server.ts'
import type { RunningServer } from '../peer.ts'

/** Where a proxy listens, and where it may keep what it needs. */
export interface ProxyPlace {
  readonly port: number
  readonly folder: string
}

/** The same, and where our own server is behind it. */
export interface ProxiedPlace extends ProxyPlace {
  readonly upstreamPort: number
}

export interface ProxySetup<Place extends ProxyPlace> {
  readonly program: string
  /** The configuration: listen on the port, keep everything in the folder. */
  config(place: Place): string
  args(configFile: string, folder: string): readonly string[]
}

export interface RunningProxy {
  readonly port: number
  stop(): Promise<void>
}

export async function startProxied({ config, ...rest }: ProxySetup<ProxiedPlace>): Promise<RunningServer> {
  const house = await startHouseServer()
  const stopping = (error: unknown): Promise<never> => house.stop().then(() => Promise.reject(error))
  const proxy = await startProxy({
    ...rest,
    config: (place) => config({ ...place, upstreamPort: house.port }),
  }).catch(stopping)
  return {
    origin: `ws://127.0.0.1:${proxy.port}`,
    nextEnding: () => house.nextEnding(),
    stop: async () => {
      await house.stop()
      await proxy.stop()
    },
  }
}

/** Before whatever its configuration names; it listens by then. */
export async function startProxy({ program, config, args }: ProxySetup<ProxyPlace>): Promise<RunningProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'turnout-proxy-'))
  const port = await freePort()
  const configFile = join(folder, 'proxy.conf')
  await writeFile(configFile, config({ port, folder }))
  const proxy = spawn(program, args(configFile, folder), { stdio: ['ignore', 'ignore', 'pipe'] })
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
    throw new Error(`${program} does not listen: ${said()}`)
  }
  return { port, stop }
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
