// Knows nginx before our own server.
import { findProgram } from '../child.ts'
import type { ServerPeer } from '../peer.ts'
import { type ProxiedPlace, type ProxyPlace, type ProxySetup, startProxied } from './proxied.ts'

export const nginx: ServerPeer = {
  name: 'turnout behind nginx',
  plainCloseCode: 1005,
  missing: () => (findProgram('nginx') === undefined ? 'no nginx: apt-get install nginx' : undefined),
  start: () =>
    startProxied(
      nginxWith<ProxiedPlace>(
        ({ port, upstreamPort }) => `
        http {
          map $http_upgrade $connection_upgrade { default upgrade; '' close; }
          server {
            listen 127.0.0.1:${port};
            location / {
              proxy_pass http://127.0.0.1:${upstreamPort};
              proxy_http_version 1.1;
              proxy_set_header Host $http_host;
              proxy_set_header Upgrade $http_upgrade;
              proxy_set_header Connection $connection_upgrade;
            }
          }
        }`,
      ),
    ),
}

/** nginx in the foreground, whose files all lie in its folder. `http` gives that block of the configuration. */
export function nginxWith<Place extends ProxyPlace>(http: (place: Place) => string): ProxySetup<Place> {
  return {
    program: findProgram('nginx') as string,
    args: (configFile, folder) => ['-p', folder, '-e', 'stderr', '-c', configFile],
    config: (place) => `
      ${process.getuid?.() === 0 ? 'user root;' : ''}
      daemon off;
      worker_processes 1;
      pid ${place.folder}/nginx.pid;
      error_log stderr;
      events {}
      ${http(place).replace('http {', `http { access_log off; ${temporaryPaths(place.folder)}`)}`,
  }
}

function temporaryPaths(folder: string): string {
  return ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
    .join(' ')
}
