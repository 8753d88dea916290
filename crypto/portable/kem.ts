import { x25519 } from '@noble/curves/ed25519.js'
import { ml_kem768, ml_kem1024 } from '@noble/post-quantum/ml-kem.js'
import type { RandomSource } from '../../core/index.ts'
import { joinParts, type KemForm, type KemParts, kemForm, kemMalformed, type MlKemName } from '../kem-format.ts'
import { withSecret } from '../secrets.ts'
import type { Encapsulation, KemName, KemPrivateKey, KemProvider, KemPublicKey } from '../types.ts'

const ML_KEM: Readonly<Record<MlKemName, typeof ml_kem768>> = { 'ml-kem-768': ml_kem768, 'ml-kem-1024': ml_kem1024 }

/** Key encapsulation in plain JavaScript (@noble), on the calling thread. */
export function createPortableKemProvider({ random }: { random: RandomSource }): KemProvider {
  return {
    implementation: 'portable',

    async generate(kem: KemName): Promise<KemPrivateKey> {
      const form = kemForm(kem)
      const secrets = { mlKem: random.bytes(64), x25519: form.hybrid ? random.bytes(32) : undefined }
      return new PortableKemPrivateKey({ form, secrets }, { random })
    },

    importPrivate(kem: KemName, bytes: Uint8Array): KemPrivateKey {
      const form = kemForm(kem)
      return new PortableKemPrivateKey({ form, secrets: form.splitPrivateKey(bytes.slice()) }, { random })
    },

    importPublic(kem: KemName, bytes: Uint8Array): KemPublicKey {
      const form = kemForm(kem)
      const copy = bytes.slice()
      const parts = form.splitPublicKey(copy)
      // Encapsulating is where noble checks the key (FIPS 203 §7.2); the outcome is thrown away.
      refusing(() => withSecret(ML_KEM[form.mlKem].encapsulate(parts.mlKem).sharedSecret, () => undefined))
      return new PortableKemPublicKey({ form, bytes: copy }, { random })
    },
  }
}

class PortableKemPublicKey implements KemPublicKey {
  readonly bytes: Uint8Array
  readonly #form: KemForm
  readonly #random: RandomSource

  constructor(options: { form: KemForm; bytes: Uint8Array }, { random }: { random: RandomSource }) {
    this.#form = options.form
    this.bytes = options.bytes
    this.#random = random
  }

  get kem(): KemName {
    return this.#form.kem
  }

  async encapsulate(): Promise<Encapsulation> {
    const parts = this.#form.splitPublicKey(this.bytes)
    const made = ML_KEM[this.#form.mlKem].encapsulate(parts.mlKem, this.#random.bytes(32))
    const classical = parts.x25519 && encapsulateX25519(parts.x25519, this.#random.bytes(32))
    const ciphertext = joinParts({ mlKem: made.cipherText, x25519: classical?.ciphertext })
    const secrets = { mlKem: made.sharedSecret, x25519: classical?.secret }
    const sharedSecret = this.#form.sharedSecret({ secrets, ciphertext, publicKey: this.bytes })
    return { ciphertext, sharedSecret }
  }
}

class PortableKemPrivateKey implements KemPrivateKey {
  readonly publicKey: KemPublicKey
  readonly #form: KemForm
  readonly #secrets: KemParts
  readonly #decapsulationKey: Uint8Array

  constructor({ form, secrets }: { form: KemForm; secrets: KemParts }, dependencies: { random: RandomSource }) {
    const { publicKey, secretKey } = ML_KEM[form.mlKem].keygen(secrets.mlKem)
    this.#form = form
    this.#secrets = secrets
    this.#decapsulationKey = secretKey
    const bytes = joinParts({ mlKem: publicKey, x25519: secrets.x25519 && x25519.getPublicKey(secrets.x25519) })
    this.publicKey = new PortableKemPublicKey({ form, bytes }, dependencies)
  }

  async decapsulate(ciphertext: Uint8Array): Promise<Uint8Array> {
    const parts = this.#form.splitCiphertext(ciphertext)
    const secrets = {
      mlKem: ML_KEM[this.#form.mlKem].decapsulate(parts.mlKem, this.#decapsulationKey),
      x25519: this.#secrets.x25519 && parts.x25519 && agree(this.#secrets.x25519, parts.x25519),
    }
    return this.#form.sharedSecret({ secrets, ciphertext, publicKey: this.publicKey.bytes })
  }

  exportPrivate(): Uint8Array {
    return joinParts(this.#secrets)
  }
}

function encapsulateX25519(
  recipient: Uint8Array,
  ephemeral: Uint8Array,
): { ciphertext: Uint8Array; secret: Uint8Array } {
  return withSecret(ephemeral, () => ({
    ciphertext: x25519.getPublicKey(ephemeral),
    secret: agree(ephemeral, recipient),
  }))
}

function agree(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  return refusing(() => x25519.getSharedSecret(privateKey, publicKey))
}

/** Runs noble; what it refuses is a malformed key or ciphertext. */
function refusing<Value>(work: () => Value): Value {
  try {
    return work()
  } catch (cause) {
    throw kemMalformed(cause)
  }
}
