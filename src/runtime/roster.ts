/**
 * Who is here now, of those who come and go with every request; in no order. A Set of them keeps those who have left: each
 * time its table is full it leaves it behind for another, with all who are in it then, and the one that was left behind
 * leads to the next. Once the first of these has become old, V8 takes them all, and requests long over with them, for old
 * until it next looks at everything, which it then must do the sooner.
 */
export class Roster<T extends object> {
  readonly #places: (T | undefined)[] = []
  readonly #free: number[] = []

  /** Answers the place that `leave` wants to know. */
  enter(one: T): number {
    const place = this.#free.pop() ?? this.#places.length
    this.#places[place] = one
    return place
  }

  /** False, and nothing is done, for who has left. */
  leave(one: T, place: number): boolean {
    if (this.#places[place] !== one) return false
    this.#places[place] = undefined
    this.#free.push(place)
    return true
  }

  /** With their places. Who leaves meanwhile is left out; who comes may be too. */
  *entries(): Generator<readonly [number, T], void> {
    for (const [place, one] of this.#places.entries()) if (one !== undefined) yield [place, one]
  }
}
