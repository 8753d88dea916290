import {
  createPrivateKey,
  createPublicKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  generateKeyPair,
  type KeyObject,
} from 'node:crypto'
import { concatBytes, fromHex } from '../core/index.ts'
import { CRYPTO_ERRORS } from './errors.ts'
import { Gate, type GateOptions } from './gate.ts'
import { plain } from './hash.ts'
import { joinParts, type KemForm, type KemParts, kemForm, kemMalformed, type MlKemName } from './kem-format.ts'
import { withSecret } from './secrets.ts'
import type { Encapsulation, KemName, KemPrivateKey, KemProvider, KemPublicKey } from './types.ts'

/** Key encapsulation by OpenSSL on Node's thread pool, bounded like the signatures. */
export function createNativeKemProvider(options: GateOptions = {}): KemProvider {
  return new OpenSslKemProvider(new Gate(options))
}

type PartName = MlKemName | 'x25519'

/** DER up to the raw key (RFC 8410, draft-ietf-lamps-kyber-certificates; private keys of ML-KEM in the seed form). */
const SPKI_PREFIX: Readonly<Record<PartName, string>> = {
  'ml-kem-768': '308204b2300b0609608648016503040402038204a100',
  'ml-kem-1024': '30820632300b06096086480165030404030382062100',
  x25519: '302a300506032b656e032100',
}
const PKCS8_PREFIX: Readonly<Record<PartName, string>> = {
  'ml-kem-768': '3054020100300b060960864801650304040204428040',
  'ml-kem-1024': '3054020100300b060960864801650304040304428040',
  x25519: '302e020100300506032b656e04220420',
}

/** Keys of both parts. */
interface KeyPairParts {
  readonly mlKem: KeyObject
  readonly x25519: KeyObject | undefined
}

class OpenSslKemProvider implements KemProvider {
  readonly implementation = 'native'
  readonly #gate: Gate

  constructor(gate: Gate) {
    this.#gate = gate
  }

  async generate(kem: KemName): Promise<KemPrivateKey> {
    const form = kemForm(kem)
    const [mlKem, x25519] = await Promise.all([
      generatePart(this.#gate, form.mlKem),
      form.hybrid ? generatePart(this.#gate, 'x25519') : undefined,
    ])
    return new NativeKemPrivateKey({ form, keys: { mlKem, x25519 } }, { gate: this.#gate })
  }

  importPrivate(kem: KemName, bytes: Uint8Array): KemPrivateKey {
    const form = kemForm(kem)
    return new NativeKemPrivateKey(
      { form, keys: importParts(form, form.splitPrivateKey(bytes), importPrivatePart) },
      { gate: this.#gate },
    )
  }

  importPublic(kem: KemName, bytes: Uint8Array): KemPublicKey {
    const form = kemForm(kem)
    const keys = importParts(form, form.splitPublicKey(bytes), importPublicPart)
    return new NativeKemPublicKey({ form, keys, bytes: bytes.slice() }, { gate: this.#gate })
  }
}

class NativeKemPublicKey implements KemPublicKey {
  readonly bytes: Uint8Array
  readonly #form: KemForm
  readonly #keys: KeyPairParts
  readonly #gate: Gate

  constructor(options: { form: KemForm; keys: KeyPairParts; bytes: Uint8Array }, { gate }: { gate: Gate }) {
    this.bytes = options.bytes
    this.#form = options.form
    this.#keys = options.keys
    this.#gate = gate
  }

  get kem(): KemName {
    return this.#form.kem
  }

  async encapsulate(): Promise<Encapsulation> {
    const [mlKem, x25519] = await Promise.all([this.#encapsulateMlKem(), this.#encapsulateX25519()])
    const ciphertext = joinParts({ mlKem: mlKem.ciphertext, x25519: x25519?.ciphertext })
    const secrets = { mlKem: mlKem.secret, x25519: x25519?.secret }
    const sharedSecret = this.#form.sharedSecret({ secrets, ciphertext, publicKey: this.bytes })
    return { ciphertext, sharedSecret }
  }

  async #encapsulateMlKem(): Promise<{ ciphertext: Uint8Array; secret: Uint8Array }> {
    const made = await this.#gate.run<{ sharedKey: Uint8Array; ciphertext: Uint8Array }>((done) =>
      encapsulate(this.#keys.mlKem, done),
    )
    return { ciphertext: plain(made.ciphertext), secret: plain(made.sharedKey) }
  }

  async #encapsulateX25519(): Promise<{ ciphertext: Uint8Array; secret: Uint8Array } | undefined> {
    const { x25519 } = this.#keys
    if (x25519 === undefined) return undefined
    const ephemeral = await generatePart(this.#gate, 'x25519')
    return { ciphertext: rawPublic(ephemeral, 'x25519'), secret: await agree(this.#gate, ephemeral, x25519) }
  }
}

class NativeKemPrivateKey implements KemPrivateKey {
  readonly publicKey: KemPublicKey
  readonly #form: KemForm
  readonly #keys: KeyPairParts
  readonly #gate: Gate

  constructor({ form, keys }: { form: KemForm; keys: KeyPairParts }, { gate }: { gate: Gate }) {
    this.#form = form
    this.#keys = keys
    this.#gate = gate
    const bytes = joinParts({
      mlKem: rawPublic(keys.mlKem, form.mlKem),
      x25519: keys.x25519 && rawPublic(keys.x25519, 'x25519'),
    })
    const publicKeys = { mlKem: createPublicKey(keys.mlKem), x25519: keys.x25519 && createPublicKey(keys.x25519) }
    this.publicKey = new NativeKemPublicKey({ form, keys: publicKeys, bytes }, { gate })
  }

  async decapsulate(ciphertext: Uint8Array): Promise<Uint8Array> {
    const parts = this.#form.splitCiphertext(ciphertext)
    const [mlKem, x25519] = await Promise.all([
      this.#gate.run<Uint8Array>((done) => decapsulate(this.#keys.mlKem, parts.mlKem, done)),
      this.#agreeWith(parts.x25519),
    ])
    const secrets = { mlKem: plain(mlKem), x25519 }
    return this.#form.sharedSecret({ secrets, ciphertext, publicKey: this.publicKey.bytes })
  }

  exportPrivate(): Uint8Array {
    const part = (key: KeyObject, name: PartName) =>
      withSecret(plain(key.export({ format: 'der', type: 'pkcs8' })), (pkcs8) =>
        pkcs8.slice(PKCS8_PREFIX[name].length / 2),
      )
    const { mlKem, x25519 } = this.#keys
    return withSecret(part(mlKem, this.#form.mlKem), (seed) =>
      x25519 === undefined ? seed.slice() : withSecret(part(x25519, 'x25519'), (key) => concatBytes(seed, key)),
    )
  }

  async #agreeWith(ephemeral: Uint8Array | undefined): Promise<Uint8Array | undefined> {
    const { x25519 } = this.#keys
    if (x25519 === undefined || ephemeral === undefined) return undefined
    return agree(this.#gate, x25519, importPublicPart('x25519', ephemeral))
  }
}

function generatePart(gate: Gate, name: PartName): Promise<KeyObject> {
  return gate.run((done) => generateKeyPair(name as 'x25519', {}, (error, _public, key) => done(error, key)))
}

/** X25519; a low-order point of the other side would make the secret a constant, and OpenSSL refuses it. */
async function agree(gate: Gate, privateKey: KeyObject, publicKey: KeyObject): Promise<Uint8Array> {
  try {
    return plain(await gate.run<Uint8Array>((done) => diffieHellman({ privateKey, publicKey }, done)))
  } catch (cause) {
    throw CRYPTO_ERRORS.matches(cause, 'CRYPTO_BUSY') ? cause : kemMalformed(cause)
  }
}

function importParts(
  form: KemForm,
  parts: KemParts,
  importPart: (name: PartName, raw: Uint8Array) => KeyObject,
): KeyPairParts {
  return { mlKem: importPart(form.mlKem, parts.mlKem), x25519: parts.x25519 && importPart('x25519', parts.x25519) }
}

function importPublicPart(name: PartName, raw: Uint8Array): KeyObject {
  try {
    const key = Buffer.concat([fromHex(SPKI_PREFIX[name]), raw])
    return createPublicKey({ key, format: 'der', type: 'spki' })
  } catch (cause) {
    throw kemMalformed(cause)
  }
}

function importPrivatePart(name: PartName, raw: Uint8Array): KeyObject {
  return withSecret(Buffer.concat([fromHex(PKCS8_PREFIX[name]), raw]), (key) => {
    try {
      return createPrivateKey({ key, format: 'der', type: 'pkcs8' })
    } catch (cause) {
      throw kemMalformed(cause)
    }
  })
}

function rawPublic(key: KeyObject, name: PartName): Uint8Array {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  return plain(publicKey.export({ format: 'der', type: 'spki' })).slice(SPKI_PREFIX[name].length / 2)
}
