// Knows event handler attributes, the `onmessage` of a browser (HTML standard, section 8.1.8.1).

/** One handler for each type of event of one target. */
export class EventHandlers {
  readonly #target: EventTarget
  readonly #entries = new Map<string, { handler: object; readonly listener: (event: Event) => void }>()

  constructor(target: EventTarget) {
    this.#target = target
  }

  get(type: string): object | null {
    return this.#entries.get(type)?.handler ?? null
  }

  /** The first handler takes its place among the listeners, and keeps it for those that replace it. What is no object removes it. */
  set(type: string, handler: unknown): void {
    const entry = this.#entries.get(type)
    if ((typeof handler !== 'object' && typeof handler !== 'function') || handler === null) {
      if (entry !== undefined) this.#target.removeEventListener(type, entry.listener)
      this.#entries.delete(type)
    } else if (entry !== undefined) {
      entry.handler = handler
    } else {
      this.#add(type, handler)
    }
  }

  #add(type: string, handler: object): void {
    const entry = {
      handler,
      listener: (event: Event): void => {
        if (typeof entry.handler === 'function') entry.handler.call(this.#target, event)
      },
    }
    this.#entries.set(type, entry)
    this.#target.addEventListener(type, entry.listener)
  }
}
