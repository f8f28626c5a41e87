// Knows how a turnout sits on a server: ahead of every `upgrade` listener, and off again without a trace.
import type { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Foreign } from './foreign.ts'
import type { HttpServer } from './http-server.ts'

type OnUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer) => void

/**
 * Replaces the server's `emit` by one that looks at `upgrade` first. Listening would not do: every listener is
 * called, and common ones answer or destroy what is not theirs. One listener is added besides, since Node emits
 * `upgrade` only where somebody listens.
 *
 * Where turnouts sit on the server already this one comes behind them: who came first is asked first.
 */
export class Attachment {
  readonly server: HttpServer
  readonly #link: Link
  readonly #listener: (() => void) & Linked

  /** `isTaken` is asked about every other event; true: nobody else hears of it. */
  constructor(
    server: HttpServer,
    foreign: Foreign,
    onUpgrade: OnUpgrade,
    isTaken: (event: string | symbol, args: readonly unknown[]) => boolean = () => false,
  ) {
    this.server = server
    const attachment = this
    const link: Link = { isAttached: true, foreign, below: undefined }
    this.#link = link
    this.#listener = Object.assign(() => {}, { [LINK]: link })
    const emit = function (this: HttpServer, event: string | symbol, ...args: unknown[]): boolean {
      if (event !== 'upgrade' || !link.isAttached) {
        if (link.isAttached && isTaken(event, args)) return true
        return attachment.emitBelow(event, ...args)
      }
      const [request, stream, head] = args as [IncomingMessage, Duplex, Buffer]
      onUpgrade(request, stream, head)
      return true
    }
    enchain(server, Object.assign(emit, { [LINK]: link }))
    server.on('upgrade', this.#listener)
  }

  /** What becomes of upgrades that none takes is for the turnout to say that came first. */
  get foreign(): Foreign {
    return (present(ownEmit(this.server))?.[LINK] ?? this.#link).foreign
  }

  /** Another turnout sits on the same server and has not been asked yet. */
  get turnoutBelow(): boolean {
    return present(this.#link.below)?.[LINK] !== undefined
  }

  /** Somebody besides turnouts listens for upgrades. */
  get hasOthers(): boolean {
    return this.server.listeners('upgrade').some((listener) => !(LINK in listener))
  }

  /** Emits as the server would have without this attachment and those before it. */
  emitBelow(event: string | symbol, ...args: unknown[]): boolean {
    // Looked up each time: instrumentation may patch the prototype later.
    const emit = this.#link.below ?? (Object.getPrototypeOf(this.server) as { readonly emit: Emit }).emit
    return emit.call(this.server, event, ...args)
  }

  /** Gives the server its own `emit` back; where somebody has wrapped it meanwhile, steps aside inside of that. */
  detach(): void {
    if (!this.#link.isAttached) return
    this.#link.isAttached = false
    this.server.off('upgrade', this.#listener)
    prune(this.server)
  }
}

type Emit = ((event: string | symbol, ...args: unknown[]) => boolean) & Partial<Linked>
type Linked = { readonly [LINK]: Link }

/** One turnout's place in the chain of those on a server. */
interface Link {
  isAttached: boolean
  readonly foreign: Foreign
  /** Whom it asks next; undefined: the server's class. */
  below: Emit | undefined
}

// Registered, so that two copies of the library know each other.
const LINK: unique symbol = Symbol.for('turnout.attachment') as never

/** Behind the last turnout of the chain, or, where somebody else has wrapped that, before everybody. */
function enchain(server: HttpServer, emit: Emit & Linked): void {
  const top = ownEmit(server)
  let last = top?.[LINK]
  while (last?.below?.[LINK] !== undefined) last = last.below[LINK]
  emit[LINK].below = last === undefined ? top : last.below
  if (last === undefined) setEmit(server, emit)
  else last.below = emit
}

/** Takes out whoever has left, as far as nobody else has wrapped the chain. */
function prune(server: HttpServer): void {
  const top = ownEmit(server)
  const first = present(top)
  if (first !== top) setEmit(server, first)
  for (let link = first?.[LINK]; link !== undefined; link = link.below?.[LINK]) {
    link.below = present(link.below)
  }
}

/** The first from here on that has not left. */
function present(emit: Emit | undefined): Emit | undefined {
  while (emit?.[LINK]?.isAttached === false) emit = emit[LINK].below
  return emit
}

/** The server's own; undefined: it has only its class's. */
function ownEmit(server: HttpServer): Emit | undefined {
  return Object.hasOwn(server, 'emit') ? (server.emit as Emit) : undefined
}

function setEmit(server: HttpServer, emit: Emit | undefined): void {
  if (emit === undefined) delete (server as Partial<HttpServer>).emit
  else Object.defineProperty(server, 'emit', { value: emit, configurable: true, writable: true })
}
