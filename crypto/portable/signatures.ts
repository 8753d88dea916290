import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { equalBytes, type RandomSource } from '../../core/index.ts'
import { CRYPTO_ERRORS } from '../errors.ts'
import { sha256 } from '../hash.ts'
import { decodePkcs8, decodeSpki, encodePkcs8, encodeSpki } from '../key-encoding.ts'
import { suiteByName } from '../suites.ts'
import type { PublicKey, SignatureProvider, SignatureSuite, SoftwareSigningKey, SuiteName } from '../types.ts'
import { ALGORITHMS } from './algorithms.ts'

/**
 * Signatures in plain JavaScript (@noble), on the calling thread: the second implementation that the native one is
 * checked against, some ten times slower. Key objects for TLS are made by Node when asked for.
 */
export function createPortableProvider({ random }: { random: RandomSource }): SignatureProvider {
  return {
    implementation: 'portable',

    async generate(name: SuiteName): Promise<SoftwareSigningKey> {
      const suite = suiteByName(name)
      return new PortableSigningKey(suite, ALGORITHMS[suite.name].newSecret(random))
    },

    importPrivate(pkcs8: Uint8Array): SoftwareSigningKey {
      const { suite, secret, rawPublic } = decodePkcs8(pkcs8)
      return refusing(() => {
        const key = new PortableSigningKey(suite, secret.slice())
        if (rawPublic !== undefined && !equalBytes(rawPublic, decodeSpki(key.publicKey.spki).raw)) {
          throw new Error('the public key is of another private key')
        }
        return key
      })
    },

    importPublic(spki: Uint8Array): PublicKey {
      const { suite, raw } = decodeSpki(spki)
      refusing(() => ALGORITHMS[suite.name].checkPublicKey(raw))
      return new PortablePublicKey(suite, spki.slice())
    },

    async verify(key: PublicKey, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
      if (signature.length !== key.suite.signatureBytes) return false
      return ALGORITHMS[key.suite.name].verify(signature, message, decodeSpki(key.spki).raw)
    },
  }
}

class PortablePublicKey implements PublicKey {
  readonly suite: SignatureSuite
  readonly spki: Uint8Array
  readonly keyId: Uint8Array
  #keyObject: KeyObject | undefined

  constructor(suite: SignatureSuite, spki: Uint8Array) {
    this.suite = suite
    this.spki = spki
    this.keyId = sha256(spki)
  }

  get keyObject(): KeyObject {
    this.#keyObject ??= createPublicKey({ key: Buffer.from(this.spki), format: 'der', type: 'spki' })
    return this.#keyObject
  }
}

class PortableSigningKey implements SoftwareSigningKey {
  readonly publicKey: PublicKey
  readonly #secret: Uint8Array
  #keyObject: KeyObject | undefined

  constructor(suite: SignatureSuite, secret: Uint8Array) {
    this.publicKey = new PortablePublicKey(suite, encodeSpki(suite.name, ALGORITHMS[suite.name].publicKey(secret)))
    this.#secret = secret
  }

  get keyObject(): KeyObject {
    this.#keyObject ??= createPrivateKey({ key: Buffer.from(this.exportPrivate()), format: 'der', type: 'pkcs8' })
    return this.#keyObject
  }

  async sign(message: Uint8Array): Promise<Uint8Array> {
    return ALGORITHMS[this.publicKey.suite.name].sign(message, this.#secret)
  }

  exportPrivate(): Uint8Array {
    const { suite, spki } = this.publicKey
    return encodePkcs8(suite.name, this.#secret, decodeSpki(spki).raw)
  }
}

/** Runs an import; what noble refuses is a malformed key. */
function refusing<Value>(importKey: () => Value): Value {
  try {
    return importKey()
  } catch (cause) {
    throw CRYPTO_ERRORS.create('CRYPTO_KEY_MALFORMED', { cause })
  }
}
