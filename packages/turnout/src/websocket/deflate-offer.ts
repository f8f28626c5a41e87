// Knows how permessage-deflate is agreed upon (RFC 7692 section 7.1). Never knows zlib.
import { MisuseError, PeerError } from '../base/errors.ts'
import type { ExtensionOffer } from './extension.ts'

export const DEFLATE = 'permessage-deflate'

/** What both sides keep to once the extension is agreed upon. */
export interface DeflateAgreement {
  /** The server forgets its window after each message. */
  readonly serverNoContextTakeover: boolean
  readonly clientNoContextTakeover: boolean
  /** Base-2 logarithm of the window that the server compresses with: 8 to 15. */
  readonly serverMaxWindowBits: number
  readonly clientMaxWindowBits: number
}

/** What one side wants of the extension's four parameters. */
export interface DeflatePreferences {
  readonly serverNoContextTakeover?: boolean | undefined
  readonly clientNoContextTakeover?: boolean | undefined
  readonly serverMaxWindowBits?: number | undefined
  readonly clientMaxWindowBits?: number | undefined
}

/** An offer or an answer, read: `true` is client_max_window_bits without a value. */
interface Parameters {
  readonly server_no_context_takeover?: true
  readonly client_no_context_takeover?: true
  readonly server_max_window_bits?: number
  readonly client_max_window_bits?: number | true
}

const LARGEST_WINDOW_BITS = 15
const RULES = 'RFC 7692 section 7.1'

/** @throws MisuseError for window bits other than 8 to 15. */
export function assertPreferences(preferences: DeflatePreferences): void {
  for (const name of ['serverMaxWindowBits', 'clientMaxWindowBits'] as const) {
    const bits = preferences[name]
    if (bits === undefined || (Number.isInteger(bits) && bits >= 8 && bits <= LARGEST_WINDOW_BITS)) continue
    throw new MisuseError('ERR_INVALID_ARGUMENT', `${name} is ${bits}, and must be 8 to 15`, {
      section: 'RFC 7692 section 7.1.2',
    })
  }
}

/**
 * The server's choice among the offers: the first that breaks no rule, for it can do all that the rules allow.
 * Undefined: there is none, and the connection goes on without compression.
 */
export function answerDeflate(
  offers: readonly ExtensionOffer[],
  preferences: DeflatePreferences,
): { readonly answer: ExtensionOffer; readonly agreement: DeflateAgreement } | undefined {
  for (const offer of offers) {
    if (offer.name !== DEFLATE) continue
    const offered = readParameters(offer, 'offer')
    if (typeof offered === 'string') continue
    const agreement = agree(offered, preferences)
    return { answer: writeAnswer(agreement, offered), agreement }
  }
  return undefined
}

/**
 * The client's offers, the one that says most first. What it asks of the server stands in each; how small its own
 * window is only helps the server, and there are servers that would rather decline than make use of it.
 */
export function offerDeflate(preferences: DeflatePreferences): ExtensionOffer[] {
  const asked: [string, string | undefined][] = []
  if (preferences.serverNoContextTakeover) asked.push(['server_no_context_takeover', undefined])
  if (preferences.clientNoContextTakeover) asked.push(['client_no_context_takeover', undefined])
  if (preferences.serverMaxWindowBits !== undefined) {
    asked.push(['server_max_window_bits', String(preferences.serverMaxWindowBits)])
  }
  const bits = preferences.clientMaxWindowBits
  return (bits === undefined ? [undefined] : [String(bits), undefined]).map((value) => ({
    name: DEFLATE,
    parameters: [...asked, ['client_max_window_bits', value]],
  }))
}

/**
 * What the server's answer means.
 * @throws PeerError ERR_EXTENSION_NOT_OFFERED for an answer that the offer does not allow: fail the connection.
 */
export function confirmDeflate(answer: ExtensionOffer, preferences: DeflatePreferences): DeflateAgreement {
  const answered = readParameters(answer, 'answer')
  if (typeof answered === 'string') throw refused(answered)
  const clientBits = answered.client_max_window_bits as number | undefined
  const serverBits = answered.server_max_window_bits
  const { clientMaxWindowBits: mostClient = LARGEST_WINDOW_BITS, serverMaxWindowBits: mostServer } =
    preferences
  if (serverBits !== undefined && mostServer !== undefined && serverBits > mostServer) {
    throw refused(`server_max_window_bits is ${serverBits}, and ${mostServer} was offered`)
  }
  return {
    serverNoContextTakeover: answered.server_no_context_takeover === true,
    clientNoContextTakeover:
      answered.client_no_context_takeover === true || preferences.clientNoContextTakeover === true,
    // a server ought to repeat what it was asked for; without, what it sends can be read all the same
    serverMaxWindowBits: serverBits ?? LARGEST_WINDOW_BITS,
    clientMaxWindowBits: Math.min(clientBits ?? LARGEST_WINDOW_BITS, mostClient),
  }
}

function agree(offered: Parameters, preferences: DeflatePreferences): DeflateAgreement {
  const clientOffer = offered.client_max_window_bits
  const most = typeof clientOffer === 'number' ? clientOffer : LARGEST_WINDOW_BITS
  return {
    serverNoContextTakeover:
      offered.server_no_context_takeover === true || preferences.serverNoContextTakeover === true,
    clientNoContextTakeover:
      offered.client_no_context_takeover === true || preferences.clientNoContextTakeover === true,
    serverMaxWindowBits: Math.min(
      offered.server_max_window_bits ?? LARGEST_WINDOW_BITS,
      preferences.serverMaxWindowBits ?? LARGEST_WINDOW_BITS,
    ),
    // only a client that names the parameter can be told a smaller window (section 7.1.2.2)
    clientMaxWindowBits:
      clientOffer === undefined
        ? LARGEST_WINDOW_BITS
        : Math.min(most, preferences.clientMaxWindowBits ?? LARGEST_WINDOW_BITS),
  }
}

function writeAnswer(agreement: DeflateAgreement, offered: Parameters): ExtensionOffer {
  const parameters: [string, string | undefined][] = []
  if (agreement.serverNoContextTakeover) parameters.push(['server_no_context_takeover', undefined])
  if (agreement.clientNoContextTakeover) parameters.push(['client_no_context_takeover', undefined])
  if (agreement.serverMaxWindowBits < LARGEST_WINDOW_BITS || offered.server_max_window_bits !== undefined) {
    parameters.push(['server_max_window_bits', String(agreement.serverMaxWindowBits)])
  }
  if (agreement.clientMaxWindowBits < LARGEST_WINDOW_BITS) {
    parameters.push(['client_max_window_bits', String(agreement.clientMaxWindowBits)])
  }
  return { name: DEFLATE, parameters }
}

/** The parameters, or what is wrong with them. */
function readParameters(extension: ExtensionOffer, kind: 'offer' | 'answer'): Parameters | string {
  const read: { [name: string]: number | true } = {}
  for (const [name, value] of extension.parameters) {
    if (Object.hasOwn(read, name)) return `${name} comes twice`
    if (name === 'server_no_context_takeover' || name === 'client_no_context_takeover') {
      if (value !== undefined) return `${name} has a value`
      read[name] = true
    } else if (name === 'client_max_window_bits' && value === undefined && kind === 'offer') {
      read[name] = true
    } else if (name === 'server_max_window_bits' || name === 'client_max_window_bits') {
      if (value === undefined || !WINDOW_BITS.test(value)) return `${name} is ${value ?? 'without a value'}`
      read[name] = Number(value)
    } else return `${name} is no parameter of ${DEFLATE}`
  }
  return read
}

/** 8 to 15 without a leading zero. */
const WINDOW_BITS = /^(?:[89]|1[0-5])$/

function refused(seen: string): PeerError {
  return new PeerError('ERR_EXTENSION_NOT_OFFERED', seen, { section: RULES })
}
