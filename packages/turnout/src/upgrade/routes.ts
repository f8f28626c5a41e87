// Knows which routes a server has: that no two are the same, and where each is counted.
import { MisuseError } from '../base/errors.ts'
import { Tally } from '../base/tally.ts'
import { pathShape } from './path.ts'

export class Routes {
  /** By what they match: how each was written. */
  readonly #written = new Map<string, string>()
  readonly #tallies: Tally[] = []
  /** Counts what no route was asked about. */
  readonly unasked: Tally = new Tally('', '')

  /** @throws MisuseError ERR_DUPLICATE_ROUTE */
  add(protocol: string, path: string | undefined): void {
    const shape = `${protocol} on ${path === undefined ? 'every path' : pathShape(path)}`
    const route = `${protocol} on ${path ?? 'every path'}`
    const before = this.#written.get(shape)
    if (before !== undefined) {
      const by = before === route ? '' : `, by ${before}`
      throw new MisuseError('ERR_DUPLICATE_ROUTE', `${route} is taken already${by}`)
    }
    this.#written.set(shape, route)
  }

  /** One for each route and protocol; upgrades inside the app share theirs. */
  tallyOf(route: string = '*', protocol: string): Tally {
    const known = this.#tallies.find((tally) => tally.route === route && tally.protocol === protocol)
    if (known !== undefined) return known
    const tally = new Tally(route, protocol)
    this.#tallies.push(tally)
    return tally
  }

  /** In the order in which they came, and at last what no route was asked about. */
  get tallies(): readonly Tally[] {
    return [...this.#tallies, this.unasked]
  }
}
