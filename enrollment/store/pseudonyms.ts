import type { RandomSource } from '../../core/index.ts'
import { wipe } from '../../crypto/index.ts'
import type { Keystore } from '../../crypto/store/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { pseudonymKeyName } from '../keys/index.ts'
import { KEPT_PSEUDONYM_EPOCHS } from '../limits.ts'
import type { PseudonymKey } from '../types.ts'
import type { CaParts } from './ca-parts.ts'
import type { CaStore } from './ca-store.ts'
import { settingsOf } from './facts.ts'
import { ensureSecret } from './keys.ts'

const PSEUDONYM_KEY_BYTES = 32

/** The mesh's pseudonym key of an epoch, made now if there is none; the caller wipes it. */
export async function makePseudonym(keystore: Keystore, epoch: number, random: RandomSource): Promise<Uint8Array> {
  await ensureSecret(keystore, pseudonymKeyName(epoch), () => random.bytes(PSEUDONYM_KEY_BYTES))
  return readPseudonym(keystore, epoch)
}

/** @throws ENROLLMENT_CA_DAMAGED when there is none */
async function readPseudonym(keystore: Keystore, epoch: number): Promise<Uint8Array> {
  const key = await keystore.secret(pseudonymKeyName(epoch))
  if (key === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_DAMAGED')
  return key
}

/** The present pseudonym key; the keystore is asked once an epoch. */
export class PresentPseudonym {
  readonly #parts: Pick<CaParts, 'store' | 'keystore'>
  #known: PseudonymKey | undefined

  constructor(parts: Pick<CaParts, 'store' | 'keystore'>) {
    this.#parts = parts
  }

  /**
   * A copy, which is the caller's.
   * @throws ENROLLMENT_CA_DAMAGED, CRYPTO_KEYSTORE_*
   */
  async read(): Promise<PseudonymKey> {
    const { store, keystore } = this.#parts
    const { pseudonymEpoch: epoch } = await settingsOf(store)
    if (this.#known?.epoch === epoch) return { epoch, key: this.#known.key.slice() }
    const key = await readPseudonym(keystore, epoch)
    this.forget()
    this.#known = { epoch, key }
    return { epoch, key: key.slice() }
  }

  /** Wipes what is in memory. */
  forget(): void {
    if (this.#known !== undefined) wipe(this.#known.key)
    this.#known = undefined
  }
}

/** Removes the key that is too many epochs old to be asked for. */
export async function forgetPseudonyms(keystore: Keystore, epoch: number): Promise<void> {
  const last = epoch - KEPT_PSEUDONYM_EPOCHS
  if (last >= 1) await keystore.remove(pseudonymKeyName(last))
}

/** How names of issuing CAs begin. */
export const ISSUING_PREFIX = 'issuing-'

/** Whether an issuing CA under this one has the mesh's pseudonym key: there is one key in a mesh, and one CA that changes it. */
export async function isDelegated(store: Pick<CaStore, 'liveHolders'>, nowMs: number): Promise<boolean> {
  return [...(await store.liveHolders('issuing', nowMs))].some((name) => name.startsWith(ISSUING_PREFIX))
}
