/** Byte strings of one length, one after another in one array: no object for each. `width` is a multiple of 4. */
export class Rows {
  readonly bytes: Uint8Array
  readonly width: number
  readonly #view: DataView

  constructor(bytes: Uint8Array, width: number) {
    this.bytes = bytes
    this.width = width
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** One row, a view. */
  at(row: number): Uint8Array {
    return this.bytes.subarray(row * this.width, (row + 1) * this.width)
  }

  /** Order of a row and a row of `others`, which have the same width: negative, 0 or positive. */
  compare(row: number, others: Rows, other: number): number {
    for (let at = 0; at < this.width; at += 4) {
      const difference = this.word(row, at) - others.word(other, at)
      if (difference !== 0) return difference
    }
    return 0
  }

  /** Four bytes of a row as a number. */
  word(row: number, at: number): number {
    return this.#view.getUint32(row * this.width + at)
  }
}

/** Finds rows by their bytes in constant time: a hash table of row numbers with open addressing, at most half full. */
export class RowTable {
  readonly #rows: Rows
  /** Row number and 1; 0 where nothing is. */
  readonly #slots: Uint32Array
  readonly #mask: number

  /** An empty table with room for `count` of `rows`. */
  constructor(rows: Rows, count: number) {
    this.#rows = rows
    const slots = 2 ** Math.ceil(Math.log2(Math.max(count, 1) * 2))
    this.#slots = new Uint32Array(slots)
    this.#mask = slots - 1
  }

  /** Adds a row in place of an equal one, if `wins` says so of both. */
  add(row: number, wins: (found: number) => boolean): void {
    const slot = this.#slotOf(this.#rows, row)
    const found = this.#slots[slot] ?? 0
    if (found === 0 || wins(found - 1)) this.#slots[slot] = row + 1
  }

  /** Number of the row with the bytes of `key`, which has the width of a row; undefined when there is none. */
  find(key: Uint8Array): number | undefined {
    const found = this.#slots[this.#slotOf(new Rows(key, this.#rows.width), 0)] ?? 0
    return found === 0 ? undefined : found - 1
  }

  /** The slot that holds an equal row, or the free one where it would go. */
  #slotOf(rows: Rows, row: number): number {
    let slot = hash(rows, row) & this.#mask
    for (;;) {
      const found = this.#slots[slot] ?? 0
      if (found === 0 || this.#rows.compare(found - 1, rows, row) === 0) return slot
      slot = (slot + 1) & this.#mask
    }
  }
}

function hash(rows: Rows, row: number): number {
  let mixed = 0
  for (let at = 0; at < rows.width; at += 4) {
    mixed = Math.imul(mixed ^ rows.word(row, at), 0x9e3779b1)
    mixed ^= mixed >>> 15
  }
  return mixed >>> 0
}
