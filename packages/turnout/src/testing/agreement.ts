// Knows what two ends would have agreed upon in a handshake: compression, and extensions of their own.
import { compressionExtension } from '../websocket/deflate.ts'
import { formatExtensions, parseExtensions } from '../websocket/extension.ts'
import type { Role } from '../websocket/frame.ts'
import type { BinaryForm, ConnectionOptions } from '../websocket/options.ts'
import {
  answerExtensions,
  assertExtensions,
  confirmExtensions,
  type Extension,
  type MessageTransform,
  stackTransforms,
} from '../websocket/transform.ts'

type AnyOptions = ConnectionOptions<BinaryForm>

export interface Agreement {
  /** The server's Sec-WebSocket-Extensions, empty for none. */
  readonly extensions: string
  /** What that does to the messages of one end. */
  transform(role: Role, options: AnyOptions): MessageTransform | undefined
}

/** The client offers, the server answers, the client takes note: by way of the fields, as over a wire. */
export function agree(server: AnyOptions, client: AnyOptions): Agreement {
  const offering = extensionsOf(client)
  const offers = parseExtensions([formatExtensions(offering.flatMap((extension) => extension.offer()))]) ?? []
  const answered = answerExtensions(offers, extensionsOf(server))
  const extensions = formatExtensions(answered.map(({ answer }) => answer))
  const agreed = {
    server: answered,
    client: confirmExtensions(parseExtensions([extensions]) ?? [], offering),
  }
  return {
    extensions,
    transform: (role, options) => stackTransforms(agreed[role].map((one) => one.create(role, options))),
  }
}

function extensionsOf({ compression, extensions = [] }: AnyOptions): readonly Extension[] {
  assertExtensions(extensions)
  const first = compressionExtension(compression)
  return first === undefined ? extensions : [first, ...extensions]
}
