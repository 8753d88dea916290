import { type Clock, isGapmeshError, type Logger } from '../../core/index.ts'
import type { SignatureProvider } from '../../crypto/index.ts'
import type { RecordPort, Sender, Verdict } from '../../overlay/index.ts'
import { decodeRecord, type RecordTrust, refusesContent, type VerifiedRecord, verify } from '../../records/index.ts'
import { memberLabel, parseCertificate } from '../../records/path/index.ts'
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
    try {
      return (await this.admit(record, from)) ? 'accept' : this.#duplicate()
    } catch (error) {
      return this.#refuse(error, record, from)
    }
  }

  /**
   * Verifies a record, heeds what it says about trust and stores it; false for one that is held.
   * @throws RECORDS_*, AGENT_RECORD_MISPLACED, AGENT_CERTIFICATE_FOREIGN, AGENT_DIRECTIVE_STALE, CORE_STORE_WRITE, CRYPTO_BUSY
   */
  async admit(record: Uint8Array, from: Sender): Promise<boolean> {
    const { clock, provider, records, trust } = this.#dependencies
    const input = { record, trust: this.#recordTrust, clock }
    const verified = await verify(input, { provider, paths: trust.paths })
    if (isMisplaced(verified, from)) throw AGENT_ERRORS.create('AGENT_RECORD_MISPLACED')
    await this.#heed(verified)
    if (!(await records.admit(verified, clock.now()))) return false
    this.counters.admitted += 1
    this.#dependencies.onAdmitted(verified, from)
    return true
  }

  /** What a record says about trust counts before it is passed on. */
  async #heed({ type, origin, author, decodedBody }: VerifiedRecord): Promise<void> {
    const { trust } = this.#dependencies
    if (type === 'certificate') {
      const chain = decodedBody as readonly Uint8Array[]
      const [leaf = new Uint8Array()] = chain
      if (memberLabel('node', author.mesh, parseCertificate(leaf)) !== origin)
        throw AGENT_ERRORS.create('AGENT_CERTIFICATE_FOREIGN')
      await trust.learn(chain)
    }
    if (type === 'directive' && trust.stalenessOf(author.leaf, 'operator').verdict === 'untrusted')
      throw AGENT_ERRORS.create('AGENT_DIRECTIVE_STALE')
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

  #duplicate(): Verdict {
    this.counters.duplicates += 1
    return 'duplicate'
  }

  async #refuse(error: unknown, record: Uint8Array, from: Sender): Promise<Verdict> {
    const code = codeOf(error)
    if (code === 'RECORDS_DUPLICATE') return this.#duplicate()
    // A full disk or a busy pool says nothing about the record: the overlay fetches it again.
    if (!isGapmeshError(error) || !/^(?:RECORDS|AGENT)_/.test(code)) throw error
    this.#count(error)
    this.#dependencies.logger.debug({ from: from.nodeId, road: from.road, code }, 'a record was refused')
    // Catch-up asked for the chains just before: asking again at once would go round for ever.
    if (code === 'RECORDS_CERTIFICATE_UNKNOWN' && from.road !== 'catch-up')
      this.#dependencies.fetchCertificates(from.nodeId)
    if (refusesContent(code)) await this.#remember(record, code)
    return error.action ?? 'ignore'
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
