// Knows nginx before our own server.
import { findProgram } from '../child.ts'
import type { ServerPeer } from '../peer.ts'
import { startProxied } from './proxied.ts'

export const nginx: ServerPeer = {
  name: 'turnout behind nginx',
  plainCloseCode: 1005,
  missing: () => (findProgram('nginx') === undefined ? 'no nginx: apt-get install nginx' : undefined),
  start: () =>
    startProxied({
      program: findProgram('nginx') as string,
      args: (configFile, folder) => ['-p', folder, '-e', 'stderr', '-c', configFile],
      config: ({ port, upstreamPort, folder }) => `
        ${process.getuid?.() === 0 ? 'user root;' : ''}
        daemon off;
        worker_processes 1;
        pid ${folder}/nginx.pid;
        error_log stderr;
        events {}
        http {
          access_log off;
          ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
            .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
            .join('\n')}
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
    }),
}
