import { compareBytes, equalBytes } from '../../core/index.ts'
import { decodeOid, decodeTime } from './der-values.ts'
import { PATH_ERRORS } from './errors.ts'

/**
 * Strict reading of DER (X.690 §8 to §11), as far as certificates use it:
 *
 *     [tag 1][length 1 to 4][content]
 *
 * Tags have one byte. Lengths are definite and minimal: 00–7F, 81 80–FF, 82 0100–FFFF, 83 010000–FFFFFF.
 * Nothing here allocates by a length that was not checked against the bytes at hand; contents are views.
 */

/** Tags by their whole first byte. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/
const PRINTABLE_STRING = /^[A-Za-z0-9 '()+,./:=?-]*$/

/** Tag byte of `[number]`: primitive for implicit strings, constructed for explicit and for implicit sequences. */
export function contextTag(number: number, form: 'primitive' | 'constructed'): number {
  return (form === 'constructed' ? 0xa0 : 0x80) | number
}

/** One element: its tag, its content, and the whole of it. Views into the input. */
export interface DerElement {
  readonly tag: number
  readonly content: Uint8Array
  readonly bytes: Uint8Array
}

/** Reads the elements of one constructed content in order. Whoever reads calls {@link end}, or reads by {@link constructed}. */
export class DerReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** True when no element is left. */
  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  /** Tag of the next element; undefined at the end. */
  get nextTag(): number | undefined {
    return this.#bytes[this.#at]
  }

  /** @throws RECORDS_DER_TRAILING unless everything was read */
  end(): void {
    if (!this.done) throw PATH_ERRORS.create('RECORDS_DER_TRAILING')
  }

  /**
   * The next element, whatever its tag.
   * @throws RECORDS_DER_TRUNCATED, RECORDS_DER_LENGTH, RECORDS_DER_TAG for a tag of several bytes
   */
  any(): DerElement {
    const start = this.#at
    const tag = this.#byte()
    if ((tag & 0x1f) === 0x1f) throw PATH_ERRORS.create('RECORDS_DER_TAG')
    const length = this.#length()
    if (length > this.#bytes.length - this.#at) throw PATH_ERRORS.create('RECORDS_DER_TRUNCATED')
    const content = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return { tag, content, bytes: this.#bytes.subarray(start, this.#at) }
  }

  /**
   * The next element, which must have `tag`.
   * @throws RECORDS_DER_TAG, RECORDS_DER_TRUNCATED, RECORDS_DER_LENGTH
   */
  element(tag: number): DerElement {
    if (this.nextTag === undefined) throw PATH_ERRORS.create('RECORDS_DER_TRUNCATED')
    if (this.nextTag !== tag) throw PATH_ERRORS.create('RECORDS_DER_TAG', { metadata: { expected: tag } })
    return this.any()
  }

  /** What `read` makes of the content of the next element, all of which it must consume. */
  constructed<T>(tag: number, read: (inner: DerReader) => T): T {
    const inner = new DerReader(this.element(tag).content)
    const value = read(inner)
    inner.end()
    return value
  }

  /** As {@link constructed}, or undefined when the next element has another tag. */
  optional<T>(tag: number, read: (inner: DerReader) => T): T | undefined {
    return this.nextTag === tag ? this.constructed(tag, read) : undefined
  }

  /**
   * The elements up to the end, each read by `read`; at least one, at most `max`.
   * @throws RECORDS_DER_LENGTH when there are none or too many
   */
  all<T>(max: number, read: (reader: DerReader) => T): T[] {
    const values: T[] = []
    while (!this.done && values.length <= max) values.push(read(this))
    if (values.length === 0 || values.length > max) throw PATH_ERRORS.create('RECORDS_DER_LENGTH')
    return values
  }

  /**
   * Big-endian bytes of a non-negative INTEGER, without the sign byte.
   * @throws RECORDS_DER_INTEGER
   */
  unsigned(tag: number = TAG.integer): Uint8Array {
    const { content } = this.element(tag)
    const [first, second] = content
    const negative = first === undefined || first > 0x7f
    const padded = first === 0 && second !== undefined && second < 0x80
    if (negative || padded) throw PATH_ERRORS.create('RECORDS_DER_INTEGER')
    return first === 0 && content.length > 1 ? content.subarray(1) : content
  }

  /**
   * A small non-negative INTEGER.
   * @throws RECORDS_DER_INTEGER when it is above 127
   */
  smallInteger(): number {
    const bytes = this.unsigned()
    const value = bytes[0]
    if (bytes.length !== 1 || value === undefined || value > 0x7f) throw PATH_ERRORS.create('RECORDS_DER_INTEGER')
    return value
  }

  /**
   * A BOOLEAN DEFAULT FALSE: absent means false, an encoded false is refused.
   * @throws RECORDS_DER_BOOLEAN
   */
  defaultFalse(): boolean {
    if (this.nextTag !== TAG.boolean) return false
    const { content } = this.any()
    if (content.length !== 1 || content[0] !== 0xff) throw PATH_ERRORS.create('RECORDS_DER_BOOLEAN')
    return true
  }

  /**
   * Dotted form of an OBJECT IDENTIFIER.
   * @throws RECORDS_DER_OID
   */
  oid(): string {
    return decodeOid(this.element(TAG.oid).content)
  }

  /**
   * Content of a BIT STRING of whole bytes.
   * @throws RECORDS_DER_BITS
   */
  bitString(): Uint8Array {
    const { content } = this.element(TAG.bitString)
    if (content[0] !== 0) throw PATH_ERRORS.create('RECORDS_DER_BITS')
    return content.subarray(1)
  }

  /**
   * Numbers of the bits that are set in a BIT STRING of named bits, at most 16, trailing zeroes cut (X.690 §11.2.2).
   * @throws RECORDS_DER_BITS
   */
  namedBits(): number[] {
    const [unused = 8, ...bytes] = this.element(TAG.bitString).content
    const last = bytes.at(-1)
    if (bytes.length > 2 || unused > 7 || last === undefined) throw PATH_ERRORS.create('RECORDS_DER_BITS')
    if ((last & ((1 << unused) - 1)) !== 0 || ((last >> unused) & 1) === 0) throw PATH_ERRORS.create('RECORDS_DER_BITS')
    return bytes.flatMap((byte, at) =>
      [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (byte & (0x80 >> bit)) !== 0).map((bit) => at * 8 + bit),
    )
  }

  /** Content of an OCTET STRING. */
  octetString(): Uint8Array {
    return this.element(TAG.octetString).content
  }

  /**
   * Text of a character string with `tag`: UTF-8 for UTF8String, what X.680 §41.4 lists for PrintableString, else
   * printable ASCII.
   * @throws RECORDS_DER_STRING
   */
  text(tag: number, maxCharacters: number): string {
    const { content } = this.element(tag)
    const text = Buffer.from(content.buffer, content.byteOffset, content.length).toString(
      tag === TAG.utf8String ? 'utf8' : 'latin1',
    )
    const characters = tag === TAG.printableString ? PRINTABLE_STRING : PRINTABLE_ASCII
    const sound = tag === TAG.utf8String ? equalBytes(new TextEncoder().encode(text), content) : characters.test(text)
    if (!sound || text.length === 0 || text.length > maxCharacters) throw PATH_ERRORS.create('RECORDS_DER_STRING')
    return text
  }

  /**
   * Milliseconds since the Unix epoch of a Time: UTCTime to 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5).
   * @throws RECORDS_DER_TIME
   */
  time(): number {
    const generalized = this.nextTag === TAG.generalizedTime
    const text = this.text(generalized ? TAG.generalizedTime : TAG.utcTime, 15)
    return decodeTime(text, generalized)
  }

  #byte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw PATH_ERRORS.create('RECORDS_DER_TRUNCATED')
    this.#at += 1
    return byte
  }

  #length(): number {
    const first = this.#byte()
    if (first < 0x80) return first
    const count = first & 0x7f
    if (count === 0 || count > 3) throw PATH_ERRORS.create('RECORDS_DER_LENGTH')
    let length = 0
    for (let left = count; left > 0; left -= 1) length = length * 256 + this.#byte()
    if (length < 0x80 || length < 2 ** (8 * (count - 1))) throw PATH_ERRORS.create('RECORDS_DER_LENGTH')
    return length
  }
}

/**
 * What `read` makes of the one element with `tag` that `bytes` holds, and nothing after it.
 * @throws RECORDS_DER_TOO_LARGE above `maxBytes`, before anything is read; RECORDS_DER_*
 */
export function readDer<T>(
  bytes: Uint8Array,
  options: { maxBytes: number; tag?: number },
  read: (inner: DerReader) => T,
): T {
  if (bytes.length > options.maxBytes) throw PATH_ERRORS.create('RECORDS_DER_TOO_LARGE')
  const reader = new DerReader(bytes)
  const value = reader.constructed(options.tag ?? TAG.sequence, read)
  reader.end()
  return value
}

/**
 * Checks that encoded elements stand in the order that DER wants of a SET OF (X.690 §11.6), none twice.
 * @throws RECORDS_DER_SET_ORDER
 */
export function checkSetOrder(elements: readonly Uint8Array[]): void {
  const ordered = elements.every((element, at) => {
    const before = elements[at - 1]
    return before === undefined || compareBytes(before, element) < 0
  })
  if (!ordered) throw PATH_ERRORS.create('RECORDS_DER_SET_ORDER')
}
