// Knows how a turnout sits on a server: ahead of every `upgrade` listener, and off again without a trace.
import type { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { HttpServer } from './http-server.ts'

type OnUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer) => void

/**
 * Replaces the server's `emit` by one that looks at `upgrade` first. Listening would not do: every listener is
 * called, and common ones answer or destroy what is not theirs. One listener is added besides, since Node emits
 * `upgrade` only where somebody listens.
 */
export class Attachment {
  readonly server: HttpServer
  /** The server's own `emit` before; undefined: it had only its class's. */
  readonly #ownEmit: (Emit & Partial<Marked>) | undefined
  readonly #emit: Emit & Marked
  readonly #listener: (() => void) & Marked = Object.assign(() => {}, { [MARK]: this.#mark() })
  #attached = true

  /** `isTaken` is asked about every other event; true: nobody else hears of it. */
  constructor(
    server: HttpServer,
    onUpgrade: OnUpgrade,
    isTaken: (event: string | symbol, args: readonly unknown[]) => boolean = () => false,
  ) {
    this.server = server
    this.#ownEmit = Object.hasOwn(server, 'emit') ? (server.emit as Emit) : undefined
    const attachment = this
    const emit = function (this: HttpServer, event: string | symbol, ...args: unknown[]): boolean {
      if (event !== 'upgrade' || !attachment.#attached) {
        if (attachment.#attached && isTaken(event, args)) return true
        return attachment.emitBelow(event, ...args)
      }
      const [request, stream, head] = args as [IncomingMessage, Duplex, Buffer]
      onUpgrade(request, stream, head)
      return true
    }
    this.#emit = Object.assign(emit, { [MARK]: this.#mark() })
    Object.defineProperty(server, 'emit', { value: this.#emit, configurable: true, writable: true })
    server.on('upgrade', this.#listener)
  }

  /** Another turnout sits on the same server and has not been asked yet. */
  get turnoutBelow(): boolean {
    return this.#ownEmit?.[MARK]?.isAttached() === true
  }

  /** Somebody besides turnouts listens for upgrades. */
  get hasOthers(): boolean {
    return this.server.listeners('upgrade').some((listener) => !(MARK in listener))
  }

  /** Emits as the server would have without this attachment. */
  emitBelow(event: string | symbol, ...args: unknown[]): boolean {
    // Looked up each time: instrumentation may patch the prototype later.
    const emit = this.#ownEmit ?? (Object.getPrototypeOf(this.server) as { readonly emit: Emit }).emit
    return emit.call(this.server, event, ...args)
  }

  /** Gives the server its own `emit` back; where somebody has wrapped it meanwhile, steps aside inside of that. */
  detach(): void {
    if (!this.#attached) return
    this.#attached = false
    this.server.off('upgrade', this.#listener)
    if ((this.server.emit as Emit) !== this.#emit) return
    let below = this.#ownEmit
    // Others of us that left before, but not from the top.
    while (below?.[MARK]?.isAttached() === false) below = below[MARK].below
    if (below === undefined) delete (this.server as Partial<HttpServer>).emit
    else Object.defineProperty(this.server, 'emit', { value: below, configurable: true, writable: true })
  }

  #mark(): Mark {
    return { isAttached: () => this.#attached, below: this.#ownEmit }
  }
}

type Emit = (event: string | symbol, ...args: unknown[]) => boolean
type Marked = { readonly [MARK]: Mark }

interface Mark {
  isAttached(): boolean
  readonly below: (Emit & Partial<Marked>) | undefined
}

// Registered, so that two copies of the library know each other.
const MARK: unique symbol = Symbol.for('turnout.attachment') as never
