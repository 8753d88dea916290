import { type Clock, equalBytes, type Logger } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import type { Keystore } from '../../crypto/store/index.ts'
import type { PseudonymCommitment } from '../../enrollment/crl/index.ts'
import { pseudonymEpochOf, pseudonymKeyName } from '../../enrollment/keys/index.ts'
import { SerialQueue } from '../../enrollment/node/index.ts'
import type { Verdict } from '../../overlay/index.ts'
import type { Pseudonym } from '../../records/index.ts'
import { MAX_PAST_PSEUDONYM_KEYS } from '../limits.ts'
import type { Revocations } from './revocations.ts'

export interface PseudonymsDependencies {
  readonly clock: Clock
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
 * over, that is how it is known. Keys of some past epochs stay in the keystore.
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
    await this.#dropPast()
    // A CA that was restored may give an epoch another key: the one in use goes only when that one is there.
    await keystore.replaceSecret(pseudonymKeyName(pseudonym.epoch), pseudonym.key)
    await keepEpoch(pseudonym.epoch)
    this.#current = pseudonym
    logger.info({ epoch: pseudonym.epoch }, 'addresses are hashed under the key of a new epoch')
  }

  /** First of all: a keystore that is full takes no new identity keys either. */
  async #dropPast(): Promise<void> {
    const { keystore } = this.#dependencies
    const entries = await keystore.list()
    const epochs = entries.flatMap(({ name }) => pseudonymEpochOf(name) ?? [])
    const past = epochs.filter((epoch) => epoch !== this.#current.epoch).sort((a, b) => b - a)
    for (const epoch of past.slice(MAX_PAST_PSEUDONYM_KEYS - 1)) await keystore.remove(pseudonymKeyName(epoch))
  }

  /** What a revoked CA has named binds nobody: it may have named an epoch that never comes. */
  #missing(): PseudonymCommitment | undefined {
    const { revocations, clock } = this.#dependencies
    const { epoch, key } = this.#current
    const named = revocations.index.states.flatMap(({ authorityKeyId, newest }) => {
      const authority = revocations.authority(authorityKeyId)
      const counts = authority === undefined || revocations.revocationOf(authority, clock.now()) === undefined
      return counts ? (newest?.pseudonym ?? []) : []
    })
    const newest = named.reduce<PseudonymCommitment | undefined>(
      (best, next) => (best === undefined || next.epoch > best.epoch ? next : best),
      undefined,
    )
    if (newest === undefined || newest.epoch < epoch) return undefined
    return newest.epoch === epoch && equalBytes(newest.keyHash, sha256(key)) ? undefined : newest
  }
}
