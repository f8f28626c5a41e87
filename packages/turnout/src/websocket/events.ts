// Knows the two events of the WebSocket standard that Node has no class for, or has one only lately.

type Init = NonNullable<ConstructorParameters<typeof Event>[1]>

export interface CloseEventInit extends Init {
  readonly wasClean?: boolean | undefined
  readonly code?: number | undefined
  readonly reason?: string | undefined
}

/** A connection ended, or never came to be. */
export class CloseEvent extends Event {
  static {
    // a name that lib.dom's CloseEvent does not declare: each stands for the other
    Object.defineProperty(CloseEvent.prototype, Symbol.toStringTag, {
      value: 'CloseEvent',
      configurable: true,
    })
  }

  /** Both Close frames were exchanged and TCP was closed after them. */
  readonly wasClean: boolean
  /** From the peer's Close frame; 1005: it bore none; 1006: no Close frame came. */
  readonly code: number
  readonly reason: string

  constructor(type: string, init: CloseEventInit = {}) {
    super(type, init)
    this.wasClean = init.wasClean ?? false
    this.code = init.code ?? 0
    this.reason = init.reason ?? ''
  }
}

/** A connection failed. A browser's event does not say why; this one does, in `error`. */
export class FailureEvent extends Event {
  readonly error: unknown

  constructor(type: string, init: Init & { readonly error?: unknown } = {}) {
    super(type, init)
    this.error = init.error
  }
}
