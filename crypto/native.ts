import {
  createECDH,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  sign as nativeSign,
  verify as nativeVerify,
} from 'node:crypto'
import { equalBytes } from '../core/index.ts'
import { isEd25519PublicKey } from './ed25519-point.ts'
import { CRYPTO_ERRORS } from './errors.ts'
import { Gate, type GateOptions } from './gate.ts'
import { plain, sha256 } from './hash.ts'
import { type DecodedPrivateKey, decodePkcs8, decodeSpki } from './key-encoding.ts'
import { suiteByName } from './suites.ts'
import type { PublicKey, SignatureProvider, SignatureSuite, SoftwareSigningKey, SuiteName } from './types.ts'

/** Settings of {@link createNativeProvider}. */
export type NativeProviderOptions = GateOptions

/** A {@link SignatureProvider} on Node's OpenSSL that tells how busy it is. */
export interface NativeProvider extends SignatureProvider {
  readonly implementation: 'native'
  /** Signatures being made or verified now. */
  readonly inFlight: number
  /** Signatures that wait for their turn. */
  readonly waiting: number
}

/**
 * Signatures by OpenSSL on Node's thread pool: at most `maxInFlight` at once, at most `maxWaiting` waiting.
 * A message must not be changed before its promise settles.
 */
export function createNativeProvider(options: NativeProviderOptions = {}): NativeProvider {
  return new OpenSslProvider(new Gate(options))
}

/** OpenSSL's digest per suite; the others hash inside. */
const DIGESTS: Readonly<Record<SuiteName, string | null>> = {
  ed25519: null,
  'ecdsa-p256': 'sha256',
  'ecdsa-p384': 'sha384',
  'ml-dsa-65': null,
  'ml-dsa-87': null,
}

const CURVES: Partial<Record<SuiteName, string>> = { 'ecdsa-p256': 'prime256v1', 'ecdsa-p384': 'secp384r1' }

class OpenSslProvider implements NativeProvider {
  readonly implementation = 'native'
  readonly #gate: Gate

  constructor(gate: Gate) {
    this.#gate = gate
  }

  get inFlight(): number {
    return this.#gate.inFlight
  }

  get waiting(): number {
    return this.#gate.waiting
  }

  async generate(name: SuiteName): Promise<SoftwareSigningKey> {
    const suite = suiteByName(name)
    const keyObject = await this.#gate.run<KeyObject>((done) => {
      const ended = (error: Error | null, _public: KeyObject, privateKey: KeyObject) => done(error, privateKey)
      const namedCurve = CURVES[suite.name]
      if (namedCurve !== undefined) generateKeyPair('ec', { namedCurve }, ended)
      else generateKeyPair(suite.name as 'ed25519', {}, ended)
    })
    return new NativeSigningKey({ suite, keyObject }, { gate: this.#gate })
  }

  importPrivate(pkcs8: Uint8Array): SoftwareSigningKey {
    const decoded = decodePkcs8(pkcs8)
    checkKeyPair(decoded)
    return new NativeSigningKey({ suite: decoded.suite, keyObject: importPkcs8(pkcs8) }, { gate: this.#gate })
  }

  importPublic(spki: Uint8Array): PublicKey {
    const { suite, raw } = decodeSpki(spki)
    if (suite.name === 'ed25519' && !isEd25519PublicKey(raw)) throw malformed()
    return withKeyId({ suite, keyObject: importSpki(spki), spki: spki.slice() })
  }

  verify(key: PublicKey, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
    if (signature.length !== key.suite.signatureBytes) return Promise.resolve(false)
    const digest = DIGESTS[key.suite.name]
    const how = signingInput(key.suite, key.keyObject)
    return this.#gate.run((done) => nativeVerify(digest, message, how, signature, done))
  }
}

class NativeSigningKey implements SoftwareSigningKey {
  readonly publicKey: PublicKey
  readonly keyObject: KeyObject
  readonly #gate: Gate
  readonly #how: ReturnType<typeof signingInput>

  constructor({ suite, keyObject }: { suite: SignatureSuite; keyObject: KeyObject }, { gate }: { gate: Gate }) {
    const publicObject = createPublicKey(keyObject)
    this.publicKey = withKeyId({
      suite,
      keyObject: publicObject,
      spki: plain(publicObject.export({ format: 'der', type: 'spki' })),
    })
    this.keyObject = keyObject
    this.#gate = gate
    this.#how = signingInput(suite, keyObject)
  }

  async sign(message: Uint8Array): Promise<Uint8Array> {
    const digest = DIGESTS[this.publicKey.suite.name]
    return plain(await this.#gate.run<Uint8Array>((done) => nativeSign(digest, message, this.#how, done)))
  }

  exportPrivate(): Uint8Array {
    return plain(this.keyObject.export({ format: 'der', type: 'pkcs8' }))
  }
}

/** What Node's sign and verify take: the bare key, or with the r‖s encoding asked for. */
function signingInput(suite: SignatureSuite, key: KeyObject) {
  return CURVES[suite.name] === undefined ? key : ({ key, dsaEncoding: 'ieee-p1363' } as const)
}

function withKeyId(key: Omit<PublicKey, 'keyId'>): PublicKey {
  return { ...key, keyId: sha256(key.spki) }
}

function importSpki(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: asBuffer(spki), format: 'der', type: 'spki' })
  } catch (cause) {
    throw CRYPTO_ERRORS.create('CRYPTO_KEY_MALFORMED', { cause })
  }
}

function importPkcs8(pkcs8: Uint8Array): KeyObject {
  try {
    return createPrivateKey({ key: asBuffer(pkcs8), format: 'der', type: 'pkcs8' })
  } catch (cause) {
    throw CRYPTO_ERRORS.create('CRYPTO_KEY_MALFORMED', { cause })
  }
}

/** OpenSSL believes the public key that a PKCS#8 of ECDSA carries; a wrong one would sign under a foreign key id. */
function checkKeyPair({ suite, secret, rawPublic }: DecodedPrivateKey): void {
  const curve = CURVES[suite.name]
  if (curve === undefined || rawPublic === undefined) return
  const pair = createECDH(curve)
  try {
    pair.setPrivateKey(secret)
  } catch (cause) {
    throw CRYPTO_ERRORS.create('CRYPTO_KEY_MALFORMED', { cause })
  }
  if (!equalBytes(pair.getPublicKey(), rawPublic)) throw malformed()
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function malformed(): Error {
  return CRYPTO_ERRORS.create('CRYPTO_KEY_MALFORMED')
}
