// Knows when a server closes connections that are HTTP's, and tells who holds some that its own lists lack.
import type { HttpServer } from './http-server.ts'

/** Who holds such connections. */
export interface Holder {
  closeIdle(server: HttpServer): void
  closeAll(server: HttpServer): void
}

const METHODS = { closeIdleConnections: 'closeIdle', closeAllConnections: 'closeAll' } as const

/**
 * Calls `holder` whenever one of these methods of the server has been called, as `server.close()` calls the first.
 * @returns how to have that no longer
 */
export function followClosing(server: HttpServer, holder: Holder): () => void {
  const undo = Object.entries(METHODS).map(([method, told]) =>
    follow(server as Methods, method, () => holder[told as keyof Holder](server)),
  )
  return () => {
    for (const stop of undo) stop()
  }
}

type Method = (this: unknown, ...args: unknown[]) => unknown
type Methods = HttpServer & Record<string, Method | undefined>

function follow(server: Methods, method: string, tell: () => void): () => void {
  if (typeof server[method] !== 'function') return () => {}
  const own = Object.hasOwn(server, method) ? server[method] : undefined
  let follows = true
  const followed: Method = function (...args) {
    // Looked up each time: instrumentation may patch the prototype later.
    const inner = own ?? (Object.getPrototypeOf(server) as Methods)[method]
    const result = inner?.apply(this, args)
    if (follows) tell()
    return result
  }
  Object.defineProperty(server, method, { value: followed, configurable: true, writable: true })
  return () => {
    follows = false
    // Wrapped by somebody else meanwhile, it stays inside of that.
    if (server[method] !== followed) return
    if (own === undefined) delete server[method]
    else Object.defineProperty(server, method, { value: own, configurable: true, writable: true })
  }
}
