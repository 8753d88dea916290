import { equalBytes, type Logger } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import type { Keystore } from '../../crypto/store/index.ts'
import type { PseudonymCommitment } from '../../enrollment/crl/index.ts'
import { pseudonymKeyName } from '../../enrollment/keys/index.ts'
import { SerialQueue } from '../../enrollment/node/index.ts'
import type { Verdict } from '../../overlay/index.ts'
import type { Pseudonym } from '../../records/index.ts'
import type { Revocations } from './revocations.ts'

export interface PseudonymsDependencies {
  readonly logger: Logger
  readonly keystore: Keystore
  readonly revocations: Revocations
  /** Notes on disk which epoch is in use. */
  readonly keepEpoch: (epoch: number) => Promise<void>
}

/** Keys that are judged at a time; a peer's is as good as another's. */
const MAX_WAITING = 16

/**
 * The key under which addresses leave this node. Revocation lists name the one that is in use by its hash: whoever hands it
 * over, that is how it is known. Keys of past epochs stay in the keystore.
 */
export class Pseudonyms {
  readonly #dependencies: PseudonymsDependencies
  readonly #turn = new SerialQueue(MAX_WAITING)
  #current: Pseudonym

  constructor(current: Pseudonym, dependencies: PseudonymsDependencies) {
    this.#current = current
    this.#dependencies = dependencies
  }

  get current(): Pseudonym {
    return this.#current
  }

  /** The epoch that the lists name and whose key is not here. */
  get wanted(): number | undefined {
    return this.#missing()?.epoch
  }

  /** The key of `epoch`, for a peer that may have it. */
  keyOf(epoch: number): Uint8Array | undefined {
    return epoch === this.#current.epoch ? this.#current.key : undefined
  }

  /**
   * Takes a key that somebody has handed over, if it is the one that the lists name, and hashes under it from then on.
   * @throws CRYPTO_KEYSTORE_*, ENROLLMENT_BUSY
   */
  take(epoch: number, key: Uint8Array): Promise<Verdict> {
    return this.#turn.run(async () => {
      const missing = this.#missing()
      if (epoch === this.#current.epoch && equalBytes(key, this.#current.key)) return 'duplicate'
      if (missing?.epoch !== epoch) return 'ignore'
      if (!equalBytes(sha256(key), missing.keyHash)) return 'reject'
      await this.#switch({ epoch, key: key.slice() })
      return 'accept'
    })
  }

  /** The key is on disk before anything says that it is in use. */
  async #switch(pseudonym: Pseudonym): Promise<void> {
    const { keystore, keepEpoch, logger } = this.#dependencies
    const name = pseudonymKeyName(pseudonym.epoch)
    const held = await keystore.secret(name)
    if (held === undefined || !equalBytes(held, pseudonym.key)) {
      await keystore.remove(name)
      await keystore.putSecret(name, pseudonym.key)
    }
    await keepEpoch(pseudonym.epoch)
    this.#current = pseudonym
    logger.info({ epoch: pseudonym.epoch }, 'addresses are hashed under the key of a new epoch')
  }

  #missing(): PseudonymCommitment | undefined {
    const { epoch, key } = this.#current
    const named = this.#dependencies.revocations.index.states.flatMap(({ newest }) => newest?.pseudonym ?? [])
    const newest = named.reduce<PseudonymCommitment | undefined>(
      (best, next) => (best === undefined || next.epoch > best.epoch ? next : best),
      undefined,
    )
    if (newest === undefined || newest.epoch < epoch) return undefined
    return newest.epoch === epoch && equalBytes(newest.keyHash, sha256(key)) ? undefined : newest
  }
}
