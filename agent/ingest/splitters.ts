/** One line of a file, or one element of its JSON array. */
export interface Frame {
  /** Without line end; undefined when it was longer than the cap and was skipped. */
  readonly bytes: Uint8Array | undefined
  /** Offset in the file of the byte after it. */
  readonly endOffset: number
}

/** Cuts a file's bytes into frames. Holds at most one unfinished frame, never longer than the cap. */
export interface Splitter {
  /** Frames that end inside `chunk`, which follows what was pushed before. */
  push(chunk: Uint8Array): Frame[]
  /** The unfinished frame, when the file is known to grow no more. */
  finish(): Frame | undefined
}

export interface SplitterOptions {
  /** Offset in the file of the first byte that will be pushed. */
  offset: number
  maxFrameBytes: number
  /** For an array: true when that byte lies behind its opening bracket, between two elements. Default false. */
  resumed?: boolean
}

const NEWLINE = 0x0a
const RETURN = 0x0d
const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
/** UTF-8 byte order mark, which some exporters put in front. */
const BYTE_ORDER_MARK: readonly number[] = [0xef, 0xbb, 0xbf]

/** True for JSON white space (RFC 8259 §2). */
export function isJsonSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === NEWLINE || byte === RETURN
}

/** True when the first byte that is not space begins a JSON array; undefined while there is none. */
export function beginsArray(head: Uint8Array): boolean | undefined {
  const first = head.find((byte, at) => !isJsonSpace(byte) && BYTE_ORDER_MARK[at] !== byte)
  return first === undefined ? undefined : first === OPEN_BRACKET
}

/** The bytes of the frame that is being read: collected until the cap, then only counted. */
class Collector {
  readonly #maxBytes: number
  #parts: Uint8Array[] = []
  #length = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get length(): number {
    return this.#length
  }

  /** Copies `part`, so that the chunk it lies in can be used again. */
  add(part: Uint8Array): void {
    this.#length += part.length
    if (this.#length > this.#maxBytes) this.#parts = []
    else if (part.length > 0) this.#parts.push(part.slice())
  }

  take(): Uint8Array | undefined {
    const [first] = this.#parts
    const whole = this.#parts.length === 1 && first !== undefined ? first : Buffer.concat(this.#parts)
    const bytes = this.#length > this.#maxBytes ? undefined : whole
    this.#parts = []
    this.#length = 0
    return bytes
  }
}

/** Lines that end in LF or CRLF. */
export class LineSplitter implements Splitter {
  readonly #collector: Collector
  #offset: number

  constructor(options: SplitterOptions) {
    this.#offset = options.offset
    this.#collector = new Collector(options.maxFrameBytes)
  }

  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = []
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#collector.add(chunk.subarray(start, end))
      start = end + 1
      frames.push(this.#frame(this.#offset + start))
    }
    this.#collector.add(chunk.subarray(start))
    this.#offset += chunk.length
    return frames
  }

  finish(): Frame | undefined {
    return this.#collector.length === 0 ? undefined : this.#frame(this.#offset)
  }

  #frame(endOffset: number): Frame {
    const bytes = this.#collector.take()
    return { bytes: bytes?.at(-1) === RETURN ? bytes.subarray(0, -1) : bytes, endOffset }
  }
}

/**
 * Elements of one top-level JSON array, cut out by nesting and quotes alone; whether an element is JSON is for its
 * parser to say. Can start between two elements. What follows the array is passed over.
 */
export class ArraySplitter implements Splitter {
  readonly #collector: Collector
  #offset: number
  #state: 'before' | 'between' | 'element' | 'ended'
  #depth = 0
  #inText = false
  #escaped = false

  constructor(options: SplitterOptions) {
    this.#offset = options.offset
    this.#state = options.resumed ? 'between' : 'before'
    this.#collector = new Collector(options.maxFrameBytes)
  }

  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = []
    let start = 0
    for (const [at, byte] of chunk.entries()) {
      if (this.#state !== 'element') {
        this.#skip(byte)
        start = at
      }
      if (this.#state !== 'element') continue
      const length = this.#elementEnds(byte)
      if (length === undefined) continue
      this.#collector.add(chunk.subarray(start, at + length))
      frames.push({ bytes: this.#collector.take(), endOffset: this.#offset + at + length })
    }
    if (this.#state === 'element') this.#collector.add(chunk.subarray(start))
    this.#offset += chunk.length
    return frames
  }

  finish(): Frame | undefined {
    return this.#collector.length === 0 ? undefined : { bytes: this.#collector.take(), endOffset: this.#offset }
  }

  #skip(byte: number): void {
    if (this.#state === 'before') {
      if (byte === OPEN_BRACKET) this.#state = 'between'
    } else if (this.#state === 'between') {
      if (byte === CLOSE_BRACKET) this.#state = 'ended'
      else if (byte !== COMMA && !isJsonSpace(byte)) this.#state = 'element'
    }
  }

  /** Bytes of the element that `byte` adds to it when it ends here: 1, or 0 for a delimiter; undefined to go on. */
  #elementEnds(byte: number): 0 | 1 | undefined {
    if (this.#inText) {
      this.#readText(byte)
      return undefined
    }
    if (byte === QUOTE) this.#inText = true
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#depth += 1
    else if (this.#depth > 0 && (byte === CLOSE_BRACE || byte === CLOSE_BRACKET)) {
      this.#depth -= 1
      if (this.#depth === 0) return this.#end('between', 1)
    } else if (this.#depth === 0 && byte === COMMA) return this.#end('between', 0)
    else if (this.#depth === 0 && byte === CLOSE_BRACKET) return this.#end('ended', 0)
    return undefined
  }

  #end(state: 'between' | 'ended', length: 0 | 1): 0 | 1 {
    this.#state = state
    return length
  }

  #readText(byte: number): void {
    if (this.#escaped) this.#escaped = false
    else if (byte === BACKSLASH) this.#escaped = true
    else if (byte === QUOTE) this.#inText = false
  }
}
