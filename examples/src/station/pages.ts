// Knows the files that make the page, and serves them from memory with the headers that keep the page to itself.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname } from 'node:path'

export interface Pages {
  answer(request: IncomingMessage, response: ServerResponse, url: URL): void
}

interface Page {
  readonly type: string
  readonly content: Buffer
  readonly etag: string
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.map': 'application/json',
}

const guard = {
  // Nothing from elsewhere, no inline script, no inline style; WebSockets and events only to this station.
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

export function createPages(folder: URL = new URL('./page/', import.meta.url)): Pages {
  const pages = readPages(folder)
  return {
    answer(request, response, url) {
      request.resume()
      const page = pages.get(url.pathname)
      if (page === undefined) {
        response.writeHead(404, { 'content-type': 'text/plain', ...guard }).end('No such page.\n')
        return
      }
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405, { allow: 'GET, HEAD', ...guard }).end()
        return
      }
      const headers = { etag: page.etag, 'cache-control': 'no-cache', ...guard }
      if (request.headers['if-none-match'] === page.etag) {
        response.writeHead(304, headers).end()
        return
      }
      response.writeHead(200, {
        ...headers,
        'content-type': page.type,
        'content-length': page.content.length,
      })
      response.end(page.content)
    },
  }
}

function readPages(folder: URL): Map<string, Page> {
  const pages = new Map<string, Page>()
  for (const name of readdirSync(folder)) {
    const type = types[extname(name)]
    if (type === undefined) continue
    const content = readFileSync(new URL(name, folder))
    const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 16)}"`
    pages.set(name === 'index.html' ? '/' : `/${name}`, { type, content, etag })
  }
  return pages
}
