/** First in, first out, without moving what waits. */
export class Fifo<Item> {
  #items: Item[] = []
  #at = 0

  get length(): number {
    return this.#items.length - this.#at
  }

  push(item: Item): void {
    this.#items.push(item)
  }

  first(): Item | undefined {
    return this.#items[this.#at]
  }

  shift(): Item | undefined {
    const item = this.#items[this.#at]
    if (item === undefined) return undefined
    this.#at += 1
    if (this.#at === this.#items.length || this.#at >= 1024) {
      this.#items = this.#items.slice(this.#at)
      this.#at = 0
    }
    return item
  }

  /** Everything that waits; nothing does then. */
  drain(): Item[] {
    const items = this.#items.slice(this.#at)
    this.#items = []
    this.#at = 0
    return items
  }
}
