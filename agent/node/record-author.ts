import type { Clock, Logger } from '../../core/index.ts'
import type { SigningKey } from '../../crypto/index.ts'
import type { Overlay } from '../../overlay/index.ts'
import { type CheckedRecord, MAX_CREATION_AHEAD_MS, type RecordType, signRecord } from '../../records/index.ts'
import type { RecordStore } from '../../records/store/index.ts'
import type { Membership } from './membership.ts'

export interface RecordAuthorOptions {
  readonly mesh: string
  readonly rootFingerprint: Uint8Array
  readonly nodeId: string
  readonly deviceKey: SigningKey
}

export interface RecordAuthorDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly membership: Membership
  readonly records: RecordStore
  readonly overlay: Pick<Overlay, 'pushRecord'>
}

/** Signs, stores and sends what this node says of itself, apart from anomalies, which have blocks under them. */
export class RecordAuthor {
  readonly #options: RecordAuthorOptions
  readonly #dependencies: RecordAuthorDependencies

  constructor(options: RecordAuthorOptions, dependencies: RecordAuthorDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /**
   * Resolves when the record is on disk and on its way to the peers that are connected; catch-up sees to the others.
   * @throws RECORDS_*, CRYPTO_BUSY, CORE_STORE_WRITE
   */
  async publish(type: RecordType, content: { body: Uint8Array; lifetimeMs: number }): Promise<CheckedRecord> {
    const { clock, membership, records, overlay, logger } = this.#dependencies
    const { nodeId, ...signer } = this.#options
    const { certificate, identityKey } = membership.current
    const nowMs = clock.now()
    const headMs = records.headOf(nodeId, type)?.createdAtMs ?? 0
    // Never earlier than the last one, unless that was signed by a clock that no peer believed.
    const createdAtMs = headMs > nowMs + MAX_CREATION_AHEAD_MS ? nowMs : Math.max(nowMs, headMs)
    // The time as the number: a node restored from a backup does not use one again.
    const sequence = Math.max(records.nextSequence(nodeId, type), createdAtMs)
    const { authorityKeyId: issuerKeyId, serialNumber } = certificate
    const record = await signRecord(
      { type, origin: nodeId, issuerKeyId, serialNumber, sequence, createdAtMs, ...content },
      { ...signer, identityKey },
      { policy: 'hybrid' },
    )
    await records.admit(record, nowMs)
    await overlay.pushRecord(record.bytes, type).catch((error: unknown) => {
      logger.debug({ err: error }, 'the record could not be pushed; catch-up will carry it')
    })
    return record
  }
}
