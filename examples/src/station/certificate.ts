// Knows how a certificate that signs itself is made from nothing but node:crypto (RFC 5280), for this run alone.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { isIPv4 } from 'node:net'

export interface Certificate {
  /** PEM. Gone when the process ends. */
  readonly key: string
  /** PEM. */
  readonly cert: string
}

const validDays = 30
const dayMs = 86_400_000

/** For localhost and the IPv4 loopback, and for `host`. Nobody but the station's own client trusts it unasked. */
export function createCertificate(host: string): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = sequence(der(0x31, sequence(objectId('550403'), der(0x0c, 'turnout station'))))
  const nowMs = Date.now()
  const serial = randomBytes(16)
  // Positive, and without a leading zero.
  serial[0] = (serial[0]! & 0x3f) | 0x40
  const signed = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, serial),
    ecdsaWithSha256,
    name,
    sequence(utcTime(nowMs - dayMs), utcTime(nowMs + validDays * dayMs)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(authority(), alternativeNames(host))),
  )
  const cert = sequence(signed, ecdsaWithSha256, bitString(sign('sha256', signed, privateKey)))
  return {
    key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    cert: `-----BEGIN CERTIFICATE-----\n${cert.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
  }
}

/** It signs itself, so it is an authority (RFC 5280 section 4.2.1.9). */
function authority(): Buffer {
  const isAuthority = sequence(der(0x01, Buffer.of(0xff)))
  return sequence(objectId('551d13'), der(0x01, Buffer.of(0xff)), der(0x04, isAuthority))
}

/** RFC 5280 section 4.2.1.6. */
function alternativeNames(host: string): Buffer {
  const addresses = new Set(['127.0.0.1', ...(isIPv4(host) && host !== '0.0.0.0' ? [host] : [])])
  const names = [
    der(0x82, 'localhost'),
    ...Array.from(addresses, (address) => der(0x87, Buffer.from(address.split('.').map(Number)))),
  ]
  return sequence(objectId('551d11'), der(0x04, sequence(...names)))
}

/** One value in DER: tag, length, content. */
function der(tag: number, content: Uint8Array | string): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  const { length } = bytes
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), bytes])
  const size = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.of(tag, ...size), bytes])
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts))
}

function objectId(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'))
}

function bitString(bytes: Buffer): Buffer {
  return der(0x03, Buffer.concat([Buffer.of(0), bytes]))
}

function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/\D/g, '')
  return der(0x17, `${digits.slice(2, 14)}Z`)
}

const ecdsaWithSha256 = sequence(objectId('2a8648ce3d040302'))
