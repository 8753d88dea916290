import { type Clock, encodeCbor, type Logger, type RandomSource } from '../../core/index.ts'
import type { Database } from '../../core/store/index.ts'
import type { SigningKey } from '../../crypto/index.ts'
import { LEDGER_ERRORS, MAX_PAYLOAD_BYTES, type Microblock } from '../../ledger/index.ts'
import type { Ledger, PreparedAppend } from '../../ledger/store/index.ts'
import type { Overlay } from '../../overlay/index.ts'
import {
  type AnomalySignature,
  type CheckedRecord,
  encodeAnomalyBody,
  MAX_CREATION_AHEAD_MS,
  signRecord,
} from '../../records/index.ts'
import type { RecordStore } from '../../records/store/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { type IngestEvent, type InputPosition, storePositions } from '../ingest/index.ts'
import type { AppendState } from './append-state.ts'
import type { NodeClock } from './clock.ts'
import type { Membership } from './membership.ts'

export interface PublisherOptions {
  readonly mesh: string
  readonly rootFingerprint: Uint8Array
  readonly nodeId: string
  readonly deviceKey: SigningKey
  /** Lifetime of the records, in milliseconds. */
  readonly lifetimeMs: number
}

export interface PublisherDependencies {
  readonly clock: Clock & Pick<NodeClock, 'standing'>
  readonly random: RandomSource
  readonly logger: Logger
  readonly database: Database
  readonly ledger: Ledger
  readonly records: RecordStore
  readonly overlay: Pick<Overlay, 'publish' | 'announce'>
  readonly membership: Membership
  /** Whether this node may extend its chain now. */
  readonly appending: () => AppendState
  /** Told of every own record, once it is on disk. */
  readonly onPublished: (record: CheckedRecord) => void
}

/** An accepted record and the blocks under it, in the order of its signatures. */
export interface Published {
  readonly record: CheckedRecord
  readonly blocks: readonly Microblock[]
}

const SALT_BYTES = 16

/** Stands for the id of a block that was not made. */
const NO_BLOCK_YET = new Uint8Array(32)

/** Turns events into accepted records: blocks, payloads, record and read positions in one synced commit, then announces. */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #dependencies: PublisherDependencies
  #lastCreatedMs = 0

  constructor(options: PublisherOptions, dependencies: PublisherDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /**
   * Accepts 1 to 64 events as one record, together with the positions up to which their inputs were read. Nothing is
   * announced before everything is on disk; after a failure nothing has happened.
   * @throws AGENT_NODE_NOT_APPENDING, AGENT_CERTIFICATE_ENDED, AGENT_CLOCK_BEHIND, CORE_STORE_WRITE, LEDGER_*, RECORDS_*, CRYPTO_BUSY
   */
  async publish(events: readonly IngestEvent[], positions: readonly InputPosition[] = []): Promise<Published> {
    this.#checkMaySign()
    let record: CheckedRecord | undefined
    const salted = events.map(({ eventType, payload }) => ({ eventType, payload: this.#salted(payload) }))
    const blocks = await this.#dependencies.ledger.append(salted, async (prepared) => {
      record = await this.#sign(events, prepared)
      await this.#commit(record, prepared, positions)
    })
    if (record === undefined) throw new TypeError('the ledger appended without a commit')
    this.#dependencies.onPublished(record)
    await this.#announce(record, blocks)
    return { record, blocks }
  }

  /** Why `event` can never be accepted, whatever becomes of the disk; undefined when it can. */
  problemOf({ payload, signature }: IngestEvent): unknown {
    if (this.#salted(payload).length > MAX_PAYLOAD_BYTES) return LEDGER_ERRORS.create('LEDGER_PAYLOAD_TOO_LARGE')
    try {
      encodeAnomalyBody([{ ...signature, blockId: NO_BLOCK_YET }])
      return undefined
    } catch (error) {
      return error
    }
  }

  /** Stores read positions when no event came with them. */
  async advance(positions: readonly InputPosition[]): Promise<void> {
    const { database } = this.#dependencies
    if (positions.length > 0) await database.commit(storePositions(database, positions))
  }

  /** dCBOR [salt, payload]: the hash in the block travels, and must not confirm a guess of the addresses in the payload. */
  #salted(payload: Uint8Array): Uint8Array {
    return encodeCbor([this.#dependencies.random.bytes(SALT_BYTES), payload])
  }

  async #sign(events: readonly IngestEvent[], { blocks }: PreparedAppend): Promise<CheckedRecord> {
    const { nodeId, mesh, rootFingerprint, deviceKey, lifetimeMs } = this.#options
    const { certificate, identityKey } = this.#dependencies.membership.current
    const signatures = events.map(({ signature }, at) => ({ ...signature, blockId: idAt(blocks, at) }))
    return signRecord(
      {
        type: 'anomaly',
        origin: nodeId,
        issuerKeyId: certificate.authorityKeyId,
        serialNumber: certificate.serialNumber,
        sequence: this.#nextSequence(blocks.at(-1)?.seq ?? 0),
        createdAtMs: this.#nextCreationTime(),
        lifetimeMs,
        body: encodeAnomalyBody(signatures satisfies AnomalySignature[]),
      },
      { mesh, rootFingerprint, deviceKey, identityKey },
      { policy: 'hybrid' },
    )
  }

  /**
   * The number of the last block, unless blocks were lost before a peer had them: their records are out, and peers refuse a
   * later record under an earlier number.
   */
  #nextSequence(blockSeq: number): number {
    const head = this.#dependencies.records.headOf(this.#options.nodeId, 'anomaly')
    return Math.max(blockSeq, (head?.sequence ?? 0) + 1)
  }

  /**
   * Creation times never decrease per origin, also when the clock is set back a little. A time so far ahead that every peer
   * refused it comes from a clock that was wrong: it binds nobody. While the clock of this machine is not believed, the
   * newest record is the better clock.
   */
  #nextCreationTime(): number {
    const { clock, records, membership } = this.#dependencies
    const nowMs = clock.now()
    const headMs = records.headOf(this.#options.nodeId, 'anomaly')?.createdAtMs ?? 0
    const { notAfterMs } = membership.current.certificate
    const latestMs = clock.standing === 'trusted' ? nowMs + MAX_CREATION_AHEAD_MS : notAfterMs
    const earlier = [headMs, this.#lastCreatedMs].filter((ms) => ms <= latestMs)
    this.#lastCreatedMs = Math.max(nowMs, ...earlier)
    return this.#lastCreatedMs
  }

  /** What is signed outside the certificate's validity, no peer ever accepts: the events wait in their log instead. */
  #checkMaySign(): void {
    const { clock, appending, membership } = this.#dependencies
    const state = appending()
    if (state !== 'appending') throw AGENT_ERRORS.create('AGENT_NODE_NOT_APPENDING', { detail: state })
    const { notBeforeMs, notAfterMs } = membership.current.certificate
    const nowMs = clock.now()
    if (nowMs > notAfterMs) throw AGENT_ERRORS.create('AGENT_CERTIFICATE_ENDED')
    if (nowMs < notBeforeMs) throw AGENT_ERRORS.create('AGENT_CLOCK_BEHIND')
  }

  async #commit(record: CheckedRecord, prepared: PreparedAppend, positions: readonly InputPosition[]): Promise<void> {
    const { clock, database, records } = this.#dependencies
    const admission = records.admitOperations(record, clock.now())
    if (admission === undefined) throw new TypeError('an own record was there before it was made')
    try {
      await database.commit([...prepared.operations, ...admission.operations, ...storePositions(database, positions)])
      admission.committed()
    } catch (error) {
      admission.failed()
      throw error
    }
  }

  /** What gossip does not carry now, catch-up carries later: a failure here loses nothing. */
  async #announce(record: CheckedRecord, blocks: readonly Microblock[]): Promise<void> {
    const { overlay, logger } = this.#dependencies
    try {
      await overlay.publish(record.bytes, 'anomaly')
      const head = blocks.at(-1)
      if (head !== undefined) overlay.announce({ origin: this.#options.nodeId, seq: head.seq, id: head.id })
    } catch (error) {
      logger.debug({ err: error }, 'the record could not be gossiped; catch-up will carry it')
    }
  }
}

function idAt(blocks: readonly Microblock[], at: number): Uint8Array {
  const block = blocks[at]
  if (block === undefined) throw new TypeError('there is a block for every event')
  return block.id
}
