// Knows who is there, and refers to nobody who has left.

/**
 * A set of objects, in no order. Where they come and go all the time, the tables of a Set or Map that have grown old
 * hold on to those who left until the next full garbage collection: everybody who was there is moved and promoted
 * before he dies.
 */
export class Roster<Member extends object> {
  readonly #members: Member[] = []
  /** Where each member has its place in the list; undefined or -1: nowhere. */
  readonly #place: symbol = Symbol('place')

  get size(): number {
    return this.#members.length
  }

  has(member: Member): boolean {
    return this.#placeOf(member) >= 0
  }

  add(member: Member): void {
    if (this.has(member)) return
    this.#put(member, this.#members.push(member) - 1)
  }

  /** False: it was not there. */
  remove(member: Member): boolean {
    const place = this.#placeOf(member)
    if (place < 0) return false
    const last = this.#members.pop()!
    if (last !== member) {
      this.#members[place] = last
      this.#put(last, place)
    }
    this.#put(member, -1)
    return true
  }

  /** Everybody who is there now. */
  all(): Member[] {
    return this.#members.slice()
  }

  #placeOf(member: Member): number {
    return (member as Placed)[this.#place] ?? -1
  }

  #put(member: Member, place: number): void {
    ;(member as Placed)[this.#place] = place
  }
}

interface Placed {
  [place: symbol]: number | undefined
}
