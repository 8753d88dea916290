import { type Clock, isGapmeshError, type Logger } from '../../core/index.ts'
import type { SignatureProvider } from '../../crypto/index.ts'
import type { RecordPort, Sender, Verdict } from '../../overlay/index.ts'
import { decodeRecord, type RecordTrust, refusesContent, type VerifiedRecord, verify } from '../../records/index.ts'
import { bucketOf, type IdPage, type RecordStore } from '../../records/store/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import type { MeshTrust } from './trust.ts'

/** How long the id of a record that was refused for its content is not fetched again, in milliseconds. */
const REFUSED_FOR_MS = 3_600_000

export interface InboxDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly provider: SignatureProvider
  readonly records: RecordStore
  readonly trust: MeshTrust
  /** Asks for a catch-up with the node that holds a record whose certificate is not known here: chains come first there. */
  readonly fetchCertificates: (nodeId: string) => void
  /** Told of every record that was admitted. */
  readonly onAdmitted: (record: VerifiedRecord, from: Sender) => void
}

/** What became of received records. */
export interface InboxCounters {
  admitted: number
  duplicates: number
  /** Refused, by error code. */
  refused: Record<string, number>
}

/**
 * The end of every road: verifies what was received, stores it, and says what the sender deserves. A record of an unknown
 * certificate stays with the peer that has it, which is asked for it again, chains first.
 */
export class RecordInbox implements RecordPort {
  readonly counters: InboxCounters = { admitted: 0, duplicates: 0, refused: {} }
  readonly #dependencies: InboxDependencies
  readonly #recordTrust: RecordTrust

  constructor(dependencies: InboxDependencies) {
    this.#dependencies = dependencies
    this.#recordTrust = dependencies.trust.recordTrust()
  }

  async receive(record: Uint8Array, from: Sender): Promise<Verdict> {
    const { clock, provider, records, trust } = this.#dependencies
    try {
      const input = { record, trust: this.#recordTrust, clock }
      const verified = await verify(input, { provider, paths: trust.paths })
      if (isMisplaced(verified, from)) return this.#misplaced()
      if (!(await records.admit(verified, clock.now()))) return this.#duplicate()
      this.counters.admitted += 1
      this.#dependencies.onAdmitted(verified, from)
      return 'accept'
    } catch (error) {
      return this.#refuse(error, record, from)
    }
  }

  async receiveCertificates(chains: readonly (readonly Uint8Array[])[], from: Sender): Promise<void> {
    for (const chain of chains) {
      try {
        await this.#dependencies.trust.learn(chain)
      } catch (error) {
        this.#count(error)
        this.#dependencies.logger.debug({ from: from.nodeId, code: codeOf(error) }, 'a chain was refused')
      }
    }
  }

  async buckets() {
    return this.#dependencies.records.buckets()
  }

  async prefixes(bucket: number) {
    return this.#dependencies.records.prefixes(bucket)
  }

  async ids(bucket: number, page: IdPage) {
    return this.#dependencies.records.ids(bucket, page)
  }

  missing(ids: readonly Uint8Array[]) {
    return this.#dependencies.records.missing(ids)
  }

  read(ids: readonly Uint8Array[]) {
    return this.#dependencies.records.read(ids)
  }

  chainsFor(ids: readonly Uint8Array[]) {
    return this.#dependencies.records.chainsFor(ids)
  }

  #misplaced(): Verdict {
    this.#count(AGENT_ERRORS.create('AGENT_RECORD_MISPLACED'))
    return 'reject'
  }

  #duplicate(): Verdict {
    this.counters.duplicates += 1
    return 'duplicate'
  }

  async #refuse(error: unknown, record: Uint8Array, from: Sender): Promise<Verdict> {
    const code = codeOf(error)
    if (code === 'RECORDS_DUPLICATE') return this.#duplicate()
    // A full disk or a busy pool says nothing about the record: the overlay fetches it again.
    if (!code.startsWith('RECORDS_')) throw error
    this.#count(error)
    this.#dependencies.logger.debug({ from: from.nodeId, road: from.road, code }, 'a record was refused')
    if (code === 'RECORDS_CERTIFICATE_UNKNOWN') this.#dependencies.fetchCertificates(from.nodeId)
    if (refusesContent(code)) await this.#remember(record, code)
    return isGapmeshError(error) && error.action === 'reject' ? 'reject' : 'ignore'
  }

  async #remember(record: Uint8Array, code: string): Promise<void> {
    try {
      const { id } = decodeRecord(record)
      await this.#dependencies.records.refuse(id, code, this.#dependencies.clock.now() + REFUSED_FOR_MS)
    } catch {
      // A record without an id cannot be offered again, and a full disk is told of by whoever writes next.
    }
  }

  #count(error: unknown): void {
    const code = codeOf(error)
    this.counters.refused[code] = (this.counters.refused[code] ?? 0) + 1
  }
}

/**
 * A record on the topic of another type would jump the queue of that type; one that catch-up was offered in another hour than
 * its own would never be found again where it belongs.
 */
function isMisplaced({ type, createdAtMs }: VerifiedRecord, { topic, bucket }: Sender): boolean {
  if (topic !== undefined && topic !== type) return true
  return bucket !== undefined && bucket !== bucketOf(createdAtMs)
}

function codeOf(error: unknown): string {
  return isGapmeshError(error) ? error.code : 'INTERNAL'
}
