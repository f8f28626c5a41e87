// Knows HAProxy before our own server.
import { findProgram } from '../child.ts'
import type { ServerPeer } from '../peer.ts'
import { startProxied } from './proxied.ts'

export const haproxy: ServerPeer = {
  name: 'turnout behind HAProxy',
  plainCloseCode: 1005,
  missing: () => (findProgram('haproxy') === undefined ? 'no haproxy: apt-get install haproxy' : undefined),
  start: () =>
    startProxied({
      program: findProgram('haproxy') as string,
      args: (configFile) => ['-db', '-f', configFile],
      config: ({ port, upstreamPort }) =>
        [
          'defaults',
          '  mode http',
          '  timeout connect 5s',
          '  timeout client 30s',
          '  timeout server 30s',
          '  timeout tunnel 60s',
          'frontend entrance',
          `  bind 127.0.0.1:${port}`,
          '  default_backend house',
          'backend house',
          `  server house 127.0.0.1:${upstreamPort}`,
          '',
        ].join('\n'),
    }),
}
