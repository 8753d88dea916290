/**
 * What Node does not tell about a TLS 1.3 handshake, read from its plaintext part: whether the client offered to resume
 * a session, and which group the server chose. Nothing here decides on security: a link that OpenSSL completed is
 * refused when this reading fails.
 *
 * ```
 * record      content type 1 · legacy version 2 · length 2 · fragment      (RFC 8446 §5.1)
 * handshake   message type 1 · length 3 · body                             (RFC 8446 §4)
 * hello body  version 2 · random 32 · session id 1+n ·
 *             client: cipher suites 2+n · compression methods 1+n          (RFC 8446 §4.1.2)
 *             server: cipher suite 2 · compression method 1                (RFC 8446 §4.1.3)
 *             · extensions 2+n, each type 2 · length 2 · data
 * ```
 */
import { concatBytes } from '../../core/index.ts'
import { MAX_HELLO_BYTES } from '../limits.ts'

const CHANGE_CIPHER_SPEC = 20
const HANDSHAKE = 22
const CLIENT_HELLO = 1
const SERVER_HELLO = 2
const PRE_SHARED_KEY = 41
const KEY_SHARE = 51

/** One ClientHello or ServerHello (a HelloRetryRequest is a ServerHello). */
export interface Hello {
  readonly kind: 'client' | 'server'
  /** The extension pre_shared_key is present: a session is offered or resumed. */
  readonly preSharedKey: boolean
  /** IANA number of the group a server chose. */
  readonly group: number | undefined
}

/** What both sides said in their hellos, from the bytes of a connection in both directions. */
export class HelloWatch {
  readonly #client = new HelloReader()
  readonly #server = new HelloReader()
  readonly #role: 'dialler' | 'listener'
  #onClientHello: (() => void) | undefined

  /** @param role the side that watches; @param onClientHello called once, when a listener has received the first hello */
  constructor(role: 'dialler' | 'listener', onClientHello?: () => void) {
    this.#role = role
    this.#onClientHello = role === 'listener' ? onClientHello : undefined
  }

  received(bytes: Uint8Array): void {
    const reader = this.#role === 'dialler' ? this.#server : this.#client
    reader.push(bytes)
    if (this.#onClientHello === undefined || this.#client.hellos.length === 0) return
    this.#onClientHello()
    this.#onClientHello = undefined
  }

  sent(bytes: Uint8Array): void {
    const reader = this.#role === 'dialler' ? this.#client : this.#server
    reader.push(bytes)
  }

  /** True when the hellos could not be read, whatever OpenSSL made of them. */
  get broken(): boolean {
    const read = (reader: HelloReader, kind: Hello['kind']) =>
      !reader.broken && reader.hellos.length > 0 && reader.hellos.every((hello) => hello.kind === kind)
    return !read(this.#client, 'client') || !read(this.#server, 'server')
  }

  /** True when the client offered to resume a session, or the server agreed to. */
  get sessionOffered(): boolean {
    return [...this.#client.hellos, ...this.#server.hellos].some((hello) => hello.preSharedKey)
  }

  /** IANA number of the group the server chose in its last hello. */
  get group(): number | undefined {
    return this.#server.hellos.at(-1)?.group
  }
}

/** Reads the hellos of one direction of a TLS connection from its first bytes. */
export class HelloReader {
  readonly hellos: Hello[] = []
  #waiting: Uint8Array = new Uint8Array()
  #message: Uint8Array = new Uint8Array()
  #seenBytes = 0
  #state: 'reading' | 'done' | 'broken' = 'reading'

  /** True when the bytes were not a TLS handshake that could be read. */
  get broken(): boolean {
    return this.#state === 'broken'
  }

  /** Takes the next bytes of the connection; does nothing once the encrypted part has begun. */
  push(bytes: Uint8Array): void {
    if (this.#state !== 'reading') return
    this.#seenBytes += bytes.length
    this.#waiting = concatBytes(this.#waiting, bytes)
    try {
      while (this.#state === 'reading' && this.#takeRecord());
    } catch {
      this.#end('broken')
    }
    if (this.#state === 'reading' && this.#seenBytes > MAX_HELLO_BYTES) this.#end('broken')
  }

  #takeRecord(): boolean {
    const reader = new Cursor(this.#waiting)
    if (reader.left < 5) return false
    const contentType = reader.uint(1)
    reader.skip(2)
    const length = reader.uint(2)
    if (contentType !== HANDSHAKE && contentType !== CHANGE_CIPHER_SPEC) {
      this.#end('done')
      return false
    }
    if (reader.left < length) return false
    const fragment = reader.take(length)
    this.#waiting = this.#waiting.slice(5 + length)
    if (contentType === HANDSHAKE) {
      this.#message = concatBytes(this.#message, fragment)
      while (this.#takeMessage());
    }
    return true
  }

  #takeMessage(): boolean {
    const reader = new Cursor(this.#message)
    if (reader.left < 4) return false
    const type = reader.uint(1)
    const length = reader.uint(3)
    if (reader.left < length) return false
    this.hellos.push(readHello(type, reader.take(length)))
    this.#message = this.#message.slice(4 + length)
    return true
  }

  #end(state: 'done' | 'broken'): void {
    this.#state = state
    this.#waiting = new Uint8Array()
    this.#message = new Uint8Array()
  }
}

function readHello(type: number, body: Uint8Array): Hello {
  if (type !== CLIENT_HELLO && type !== SERVER_HELLO) throw new RangeError('not a hello')
  const kind = type === CLIENT_HELLO ? 'client' : 'server'
  const reader = new Cursor(body)
  reader.skip(2 + 32)
  reader.skip(reader.uint(1))
  if (kind === 'client') {
    reader.skip(reader.uint(2))
    reader.skip(reader.uint(1))
  } else {
    reader.skip(2 + 1)
  }
  const extensions = reader.left === 0 ? new Map<number, Uint8Array>() : readExtensions(reader)
  const keyShare = extensions.get(KEY_SHARE)
  return {
    kind,
    preSharedKey: extensions.has(PRE_SHARED_KEY),
    group: kind === 'server' && keyShare !== undefined ? new Cursor(keyShare).uint(2) : undefined,
  }
}

function readExtensions(reader: Cursor): Map<number, Uint8Array> {
  const list = new Cursor(reader.take(reader.uint(2)))
  const extensions = new Map<number, Uint8Array>()
  while (list.left > 0) {
    const type = list.uint(2)
    extensions.set(type, list.take(list.uint(2)))
  }
  return extensions
}

/** Reads bytes in order; throws a RangeError at the end. */
class Cursor {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  take(length: number): Uint8Array {
    if (length > this.left) throw new RangeError('the message ends too early')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  skip(length: number): void {
    this.take(length)
  }

  uint(length: number): number {
    return this.take(length).reduce((sum, byte) => sum * 256 + byte, 0)
  }
}
