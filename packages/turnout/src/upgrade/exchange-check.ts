// Knows what a request and its response look like, and where a framework keeps them.
import { MisuseError } from '../base/errors.ts'
import { type Given, has } from './http-server.ts'

/** Lets those of node:http and node:http2 pass. @throws MisuseError ERR_INVALID_ARGUMENT, with where to find them */
export function assertExchange(request: unknown, response: unknown): void {
  if (isRequest(request as Given) && isResponse(response as Given)) return
  const advice = adviceOn(request as Given, response as Given)
  throw new MisuseError(
    'ERR_INVALID_ARGUMENT',
    `upgrade() wants the request and the response of node:http${advice === undefined ? '' : `: ${advice}`}`,
  )
}

function isRequest(given: Given): boolean {
  return Array.isArray(given?.rawHeaders) && typeof given.httpVersionMajor === 'number'
}

function isResponse(given: Given): boolean {
  return has(given, 'setHeader') && has(given, 'writeHead')
}

function adviceOn(request: Given, response: Given): string | undefined {
  if (isRequest(request)) {
    if (has(response, 'setNoDelay')) {
      return 'this is its socket. What comes as `upgrade` is for attach(server), which needs no listener of yours'
    }
    if (isResponse(response?.raw as Given)) return 'this response has it as .raw'
  }
  if (isRequest(request?.raw as Given)) return 'this request has it as .raw, and so has its reply'
  if (isRequest(request?.req as Given)) return 'this context has them as .req and .res'
  const environment = request?.env as Given
  if (isRequest(environment?.incoming as Given))
    return 'this context has them as .env.incoming and .env.outgoing'
  return undefined
}
