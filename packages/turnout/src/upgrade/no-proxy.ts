// Knows what NO_PROXY means: which targets are reached without the proxy.
import { BlockList, isIP } from 'node:net'
import type { Target } from './target.ts'

/**
 * Whether the list names the target. Entries are divided by commas or spaces and compared without regard to case:
 * `*` for everything; `example.com` for that name and those below it; `.example.com` or `*.example.com` for those
 * below it alone; an address; a range such as `10.0.0.0/8`; each but the first may end in `:port`.
 */
export function bypasses(list: string, target: Pick<Target, 'host' | 'port'>): boolean {
  const host = target.host.toLowerCase().replace(/\.$/, '')
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry !== '' && names(entry, host, target.port))
}

function names(entry: string, host: string, port: number): boolean {
  if (entry === '*') return true
  const { place: written, port: only } = split(entry)
  // the root's own dot, which the host has lost as well
  const place = written.replace(/\.$/, '')
  if (only !== undefined && only !== port) return false
  if (place.includes('/')) return isInRange(place, host)
  if (isIP(place) !== 0)
    return isIP(host) !== 0 && isInRange(`${place}/${isIP(place) === 4 ? 32 : 128}`, host)
  // a name's tail is no part of an address
  if (isIP(host) !== 0) return false
  const below = place.startsWith('*.') ? place.slice(1) : place.startsWith('.') ? place : undefined
  if (below !== undefined) return host.endsWith(below)
  return host === place || host.endsWith(`.${place}`)
}

/** `[::1]:8080`, `::1`, `host:8080`, `host`. */
function split(entry: string): { readonly place: string; readonly port: number | undefined } {
  const bracketed = /^\[([^\]]*)\](?::(\d+))?$/.exec(entry)
  if (bracketed !== null) return { place: bracketed[1]!, port: portOf(bracketed[2]) }
  if (isIP(entry) === 6) return { place: entry, port: undefined }
  const named = /^([^:]+):(\d+)$/.exec(entry)
  return named === null ? { place: entry, port: undefined } : { place: named[1]!, port: portOf(named[2]) }
}

function portOf(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits)
}

function isInRange(range: string, host: string): boolean {
  const [network = '', digits = ''] = range.split('/')
  const family = isIP(network)
  const bits = Number(digits)
  if (family === 0 || isIP(host) !== family || !/^\d+$/.test(digits) || bits > (family === 4 ? 32 : 128))
    return false
  const type = family === 4 ? 'ipv4' : 'ipv6'
  const addresses = new BlockList()
  addresses.addSubnet(network, bits, type)
  return addresses.check(host, type)
}
