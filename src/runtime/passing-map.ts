/**
 * A Map of what comes and goes with every request, that lets go what has left: the tables that a Map leaves behind (see
 * `Roster`) hold empty boxes here. No value is undefined.
 */
export class PassingMap<Key, Value extends object> implements Map<Key, Value> {
  readonly #boxes = new Map<Key, { value: Value | undefined }>()
  readonly [Symbol.toStringTag] = 'PassingMap'

  get size(): number {
    return this.#boxes.size
  }

  get(key: Key): Value | undefined {
    return this.#boxes.get(key)?.value
  }

  has(key: Key): boolean {
    return this.#boxes.has(key)
  }

  set(key: Key, value: Value): this {
    const box = this.#boxes.get(key)
    if (box === undefined) this.#boxes.set(key, { value })
    else box.value = value
    return this
  }

  delete(key: Key): boolean {
    const box = this.#boxes.get(key)
    if (box !== undefined) box.value = undefined
    return this.#boxes.delete(key)
  }

  clear(): void {
    for (const key of this.#boxes.keys()) this.delete(key)
  }

  forEach(each: (value: Value, key: Key, map: Map<Key, Value>) => void, thisArg?: unknown): void {
    for (const [key, value] of this) Reflect.apply(each, thisArg, [value, key, this])
  }

  *entries(): Generator<[Key, Value], undefined> {
    for (const [key, { value }] of this.#boxes) if (value !== undefined) yield [key, value]
  }

  keys(): MapIterator<Key> {
    return this.#boxes.keys()
  }

  *values(): Generator<Value, undefined> {
    for (const [, value] of this) yield value
  }

  [Symbol.iterator](): Generator<[Key, Value], undefined> {
    return this.entries()
  }
}
