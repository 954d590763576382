/**
 * Of an LRUCache: so many entries, and then the least used go. By size, because for a `max` it takes the room of all at
 * once, and many caches are never full: 2 ms and 200 KB for each 10,000.
 */
export function atMost(entries: number) {
  return { maxSize: entries, sizeCalculation: () => 1 }
}
