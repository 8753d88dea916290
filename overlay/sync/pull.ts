import { type Clock, compareBytes, toHex } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { MAX_ASKED_IDS, MAX_ERAS_PER_REQUEST, MAX_IDS_PER_REQUEST, MAX_UNDELIVERED_IDS } from '../limits.ts'
import type { BucketDigest, ChainHead, ChainPort, RecordPort, Sender, Verdict } from '../ports.ts'
import type { RecordFilter } from '../record-filter.ts'
import type { ChainTurns } from './chain-turns.ts'
import { pullChains } from './chains.ts'
import type { SyncClient } from './client.ts'
import { differingBuckets, differingEras, differingPrefixes, summarize } from './digests.ts'
import type { InFlightIds } from './in-flight.ts'

/** What one catch-up came to. */
export interface PullResult {
  accepted: number
  ignored: number
  /** Blocks the ledger took. */
  blocks: number
  /** Records the peer named and did not hand over. */
  undelivered: number
  /** Exceptions of the record side. */
  portFailures: number
  /** True when something was left for the next time: ids that another catch-up was fetching, a chain that takes long. */
  left: boolean
}

/** How the records of one answer were judged. */
interface Tally {
  ignored: number
  failed: number
}

export interface PullDependencies {
  readonly clock: Clock
  readonly client: Pick<SyncClient, 'ask'>
  readonly records: RecordPort
  readonly chains: ChainPort
  readonly filter: Pick<RecordFilter, 'allows'>
  readonly turns: ChainTurns
  readonly from: Sender
  readonly inFlight: InFlightIds
  /** Told of every chain that is held up to this head now. */
  onMoved(head: ChainHead): void
  /** What came of this peer's records lately. */
  readonly ignored: { has(id: Uint8Array): boolean; add(id: Uint8Array): void }
}

/** A bucket with more ids than this is compared by first byte before ids are listed. */
const MAX_LISTED_BUCKET = 256

/** Records handed to the verifying path at a time. */
const VERIFIED_TOGETHER = 8

/** Exceptions of the record side after which a catch-up gives up. */
const MAX_PORT_FAILURES = 16

/**
 * Fetches from one peer whatever this node lacks: ledger blocks by heads, then records by digests, oldest hours first.
 * The peer is believed in nothing: everything goes through the ports, ids that are not delivered are counted, and a
 * record that every node would refuse ends the catch-up.
 */
export class Pull {
  readonly #dependencies: PullDependencies
  readonly result: PullResult = {
    accepted: 0,
    ignored: 0,
    blocks: 0,
    undelivered: 0,
    portFailures: 0,
    left: false,
  }
  /** Ids that were asked for and are still missing: they are asked for once, in whatever bucket they are named. */
  readonly #asked = new Set<string>()
  #stopped = false

  constructor(dependencies: PullDependencies) {
    this.#dependencies = dependencies
  }

  /** @throws OVERLAY_SYNC_UNDELIVERED, OVERLAY_SYNC_REJECTED and the codes of {@link SyncClient.ask} */
  async run(): Promise<void> {
    const onBlocks = (count: number) => this.#countBlocks(count)
    this.result.left = await pullChains({ ...this.#dependencies, onBlocks })
    await this.#pullRecords()
  }

  /** Looks at nothing more, not even at what came already. */
  stop(): void {
    this.#stopped = true
  }

  #countBlocks(count: number): void {
    this.result.blocks += count
  }

  async #pullRecords(): Promise<void> {
    const { client, records } = this.#dependencies
    const mine = await records.buckets()
    const summary = summarize(mine)
    const { eras } = await client.ask({ kind: 'summary', root: summary.root })
    if (eras === undefined) return
    const differing = differingEras(summary.eras, eras)
    for (let at = 0; at < differing.length; at += MAX_ERAS_PER_REQUEST) {
      const asked = differing.slice(at, at + MAX_ERAS_PER_REQUEST)
      const { buckets } = await client.ask({ kind: 'buckets', eras: asked })
      for (const bucket of differingBuckets(mine, buckets)) await this.#pullBucket(bucket)
    }
  }

  async #pullBucket(theirs: BucketDigest): Promise<void> {
    if (theirs.count <= MAX_LISTED_BUCKET) {
      await this.#pullIds(theirs.bucket, undefined)
      return
    }
    const { client, records } = this.#dependencies
    const mine = await records.prefixes(theirs.bucket)
    const { prefixes } = await client.ask({ kind: 'prefixes', bucket: theirs.bucket })
    for (const prefix of differingPrefixes(mine, prefixes)) await this.#pullIds(theirs.bucket, prefix)
  }

  async #pullIds(bucket: number, prefix: number | undefined): Promise<void> {
    let after: Uint8Array | undefined
    for (;;) {
      const { ids, more } = await this.#dependencies.client.ask({ kind: 'ids', bucket, prefix, after })
      this.#checkPage(ids, prefix, after)
      for (let at = 0; at < ids.length; at += MAX_IDS_PER_REQUEST) {
        await this.#fetchMissing(ids.slice(at, at + MAX_IDS_PER_REQUEST), bucket)
      }
      after = ids.at(-1)
      if (!more || after === undefined) return
    }
  }

  #checkPage(ids: readonly Uint8Array[], prefix: number | undefined, after: Uint8Array | undefined): void {
    const [first] = ids
    if (first === undefined) return
    const goesBack = after !== undefined && compareBytes(first, after) <= 0
    const strays = prefix !== undefined && (first[0] !== prefix || ids.at(-1)?.[0] !== prefix)
    if (goesBack || strays) throw OVERLAY_ERRORS.create('OVERLAY_SYNC_UNEXPECTED')
  }

  async #fetchMissing(ids: readonly Uint8Array[], bucket: number): Promise<void> {
    const { records, inFlight, ignored } = this.#dependencies
    const missing = (await records.missing(ids)).filter((id) => !ignored.has(id) && !this.#asked.has(toHex(id)))
    const mine = inFlight.claim(missing, this)
    if (mine.length < missing.length) this.result.left = true
    try {
      await this.#fetch(mine, bucket)
    } finally {
      inFlight.release(mine, this)
    }
  }

  /** Certificates first, so that no record waits for one. */
  async #fetch(ids: readonly Uint8Array[], bucket: number): Promise<void> {
    const { client, records, from } = this.#dependencies
    for (let rest = ids; rest.length > 0; ) {
      const { covered, chains } = await client.ask({ kind: 'chains', ids: rest })
      const batch = rest.slice(0, covered)
      if (chains.length > 0) await records.receiveCertificates(chains, from)
      await this.#fetchRecords(batch, bucket)
      rest = rest.slice(batch.length)
    }
  }

  async #fetchRecords(ids: readonly Uint8Array[], bucket: number): Promise<void> {
    for (let rest = ids; rest.length > 0; ) {
      const answer = await this.#dependencies.client.ask({ kind: 'records', ids: rest })
      const asked = rest.slice(0, answer.covered)
      if (answer.records.length > asked.length) throw OVERLAY_ERRORS.create('OVERLAY_SYNC_UNEXPECTED')
      const isExact = answer.records.length === asked.length
      const tally = await this.#receiveAll(answer.records, { bucket, ids: isExact ? asked : [] })
      await this.#settle(asked, tally)
      rest = rest.slice(asked.length)
    }
  }

  /** What is missing still, and was neither ignored nor failed here, the peer did not hand over: nothing, or another. */
  async #settle(asked: readonly Uint8Array[], { ignored, failed }: Tally): Promise<void> {
    const missing = await this.#dependencies.records.missing(asked)
    for (const id of missing) if (this.#asked.size < MAX_ASKED_IDS) this.#asked.add(toHex(id))
    this.result.undelivered += Math.max(0, missing.length - ignored - failed)
    if (this.result.undelivered > MAX_UNDELIVERED_IDS) throw OVERLAY_ERRORS.create('OVERLAY_SYNC_UNDELIVERED')
  }

  /** `ids` of the records, where none was left out; empty otherwise. */
  async #receiveAll(
    received: readonly Uint8Array[],
    { bucket, ids }: { bucket: number; ids: readonly Uint8Array[] },
  ): Promise<Tally> {
    const from = { ...this.#dependencies.from, bucket }
    const tally = { ignored: 0, failed: 0 }
    let next = 0
    const work = async () => {
      while (next < received.length) {
        const at = next++
        const verdict = await this.#judge(received[at] ?? new Uint8Array(), from)
        this.#count(verdict, tally)
        const id = ids[at]
        if (verdict === 'ignore' && id !== undefined) this.#dependencies.ignored.add(id)
      }
    }
    const workers = Array.from({ length: Math.min(VERIFIED_TOGETHER, received.length) }, () =>
      work().catch((error: unknown) => {
        next = received.length
        throw error
      }),
    )
    // What is being judged still counts when another record ends the catch-up.
    await Promise.allSettled(workers)
    await Promise.all(workers)
    return tally
  }

  #count(verdict: Verdict | undefined, tally: Tally): void {
    if (verdict === 'reject') throw OVERLAY_ERRORS.create('OVERLAY_SYNC_REJECTED')
    if (verdict === 'accept') this.result.accepted += 1
    if (verdict === 'ignore') this.result.ignored += 1
    if (verdict === 'ignore') tally.ignored += 1
    if (verdict === undefined) tally.failed += 1
  }

  /** The verdict, or undefined when the record side failed: that says nothing of the record, which is fetched again. */
  async #judge(record: Uint8Array, from: Sender): Promise<Verdict | undefined> {
    if (this.#stopped) throw OVERLAY_ERRORS.create('OVERLAY_STREAM_CLOSED')
    if (!this.#dependencies.filter.allows(record, from)) return 'ignore'
    try {
      return await this.#dependencies.records.receive(record, from)
    } catch (error) {
      this.result.portFailures += 1
      if (this.result.portFailures > MAX_PORT_FAILURES) throw error
      return undefined
    }
  }
}
