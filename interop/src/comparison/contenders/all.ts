// Knows who is compared, in the order of the columns.
import type { Contender } from '../contender.ts'
import { engine } from './engine.ts'
import { faye } from './faye.ts'
import { turnout } from './turnout.ts'
import { uws } from './uws.ts'
import { websocket } from './websocket.ts'
import { ws } from './ws.ts'

export const contenders: readonly Contender[] = [turnout, ws, websocket, faye, uws, engine]

export function contenderNamed(name: string | undefined): Contender {
  const found = contenders.find((contender) => contender.name === name)
  if (found === undefined) throw new Error(`no contender is called ${name}`)
  return found
}
