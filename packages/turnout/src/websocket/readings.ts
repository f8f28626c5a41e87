// Knows how the messages of one connection after the other are read as one row.
import { type Deferred, deferred } from '../base/promise.ts'
import type { AnyConnection } from './connection.ts'
import type { Message } from './options.ts'

/** So many ended connections may hold messages that nobody reads; of more the oldest is forgotten. */
const MAX_UNREAD_CONNECTIONS = 16

/** A loop, as often as it is left and entered again. */
interface Reader {
  /** How often it was left: whoever waited before waits no longer. */
  timesLeft: number
  /** The connection that it reads, and how. */
  socket: AnyConnection | undefined
  messages: AsyncIterableIterator<Message> | undefined
}

export class Readings {
  /** Those that may still have messages, the oldest first. */
  readonly #sockets: AnyConnection[] = []
  /** Settles with the next one, with the end, or when somebody leaves. */
  #change: Deferred<void> | undefined
  #isOver = false

  /** Its messages come behind those of the connections before it. */
  add(socket: AnyConnection): void {
    this.#sockets.push(socket)
    if (this.#sockets.length > MAX_UNREAD_CONNECTIONS) this.#sockets.shift()
    this.#tell()
  }

  /** No connection comes any more; what is unread can still be read. */
  end(): void {
    this.#isOver = true
    this.#tell()
  }

  iterate(): AsyncIterableIterator<Message> {
    const reader: Reader = { timesLeft: 0, socket: undefined, messages: undefined }
    const iterator: AsyncIterableIterator<Message> = {
      next: () => this.#next(reader),
      return: async () => {
        reader.timesLeft++
        this.#tell()
        await reader.messages?.return?.()
        return DONE
      },
      [Symbol.asyncIterator]: () => iterator,
    }
    return iterator
  }

  async #next(reader: Reader): Promise<IteratorResult<Message, undefined>> {
    const { timesLeft } = reader
    while (reader.timesLeft === timesLeft) {
      const socket = this.#sockets[0]
      if (socket !== undefined) {
        const result = await this.#messagesOf(socket, reader).next()
        if (!result.done) return result
        if (reader.timesLeft === timesLeft && this.#sockets[0] === socket) this.#sockets.shift()
      } else if (this.#isOver) break
      else {
        this.#change ??= deferred()
        await this.#change.promise
      }
    }
    return DONE
  }

  /** @throws MisuseError where they go to streams; then they are no part of this row */
  #messagesOf(socket: AnyConnection, reader: Reader): AsyncIterableIterator<Message> {
    if (reader.socket === socket && reader.messages !== undefined) return reader.messages
    try {
      reader.messages = socket[Symbol.asyncIterator]() as AsyncIterableIterator<Message>
      reader.socket = socket
      return reader.messages
    } catch (error) {
      this.#sockets.shift()
      throw error
    }
  }

  #tell(): void {
    this.#change?.resolve()
    this.#change = undefined
  }
}

const DONE: IteratorReturnResult<undefined> = { value: undefined, done: true }
