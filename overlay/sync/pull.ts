import { compareBytes, toHex } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { MAX_ERAS_PER_REQUEST, MAX_IDS_PER_REQUEST, MAX_UNDELIVERED_IDS } from '../limits.ts'
import type { BucketDigest, ChainPort, RecordPort, Sender, Verdict } from '../ports.ts'
import { pullChains } from './chains.ts'
import type { SyncClient } from './client.ts'
import { differingBuckets, differingEras, differingPrefixes, summarize } from './digests.ts'

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
  /** True when ids were left to another catch-up that was fetching them. */
  shared: boolean
}

export interface PullDependencies {
  readonly client: SyncClient
  readonly records: RecordPort
  readonly chains: ChainPort
  readonly from: Sender
  /** Ids that some catch-up of this node is fetching now, so that two peers do not send the same records. */
  readonly inFlight: Set<string>
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
    shared: false,
  }

  constructor(dependencies: PullDependencies) {
    this.#dependencies = dependencies
  }

  /** @throws OVERLAY_SYNC_UNDELIVERED, OVERLAY_SYNC_REJECTED and the codes of {@link SyncClient.ask} */
  async run(): Promise<void> {
    const { client, chains, from } = this.#dependencies
    await pullChains({ client, chains, from, onBlocks: (count) => this.#countBlocks(count) })
    await this.#pullRecords()
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
        await this.#fetchMissing(ids.slice(at, at + MAX_IDS_PER_REQUEST))
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

  async #fetchMissing(ids: readonly Uint8Array[]): Promise<void> {
    const { records, inFlight, ignored } = this.#dependencies
    const missing = (await records.missing(ids)).filter((id) => !ignored.has(id))
    const keys = missing.map(toHex)
    const mine = missing.filter((_, at) => !inFlight.has(keys[at] ?? ''))
    if (mine.length < missing.length) this.result.shared = true
    const claimed = mine.map(toHex)
    for (const key of claimed) inFlight.add(key)
    try {
      await this.#fetch(mine)
    } finally {
      for (const key of claimed) inFlight.delete(key)
    }
  }

  /** Certificates first, so that no record waits for one. */
  async #fetch(ids: readonly Uint8Array[]): Promise<void> {
    const { client, records, from } = this.#dependencies
    for (let rest = ids; rest.length > 0; ) {
      const { covered, chains } = await client.ask({ kind: 'chains', ids: rest })
      const batch = rest.slice(0, covered)
      if (chains.length > 0) await records.receiveCertificates(chains, from)
      await this.#fetchRecords(batch)
      rest = rest.slice(batch.length)
    }
  }

  async #fetchRecords(ids: readonly Uint8Array[]): Promise<void> {
    for (let rest = ids; rest.length > 0; ) {
      const answer = await this.#dependencies.client.ask({ kind: 'records', ids: rest })
      const covered = Math.min(answer.covered, rest.length)
      if (answer.records.length > covered) throw OVERLAY_ERRORS.create('OVERLAY_SYNC_UNEXPECTED')
      const exact = answer.records.length === covered ? rest.slice(0, covered) : []
      await this.#receiveAll(answer.records, exact)
      this.#countUndelivered(covered - answer.records.length)
      rest = rest.slice(covered)
    }
  }

  #countUndelivered(count: number): void {
    this.result.undelivered += count
    if (this.result.undelivered > MAX_UNDELIVERED_IDS) throw OVERLAY_ERRORS.create('OVERLAY_SYNC_UNDELIVERED')
  }

  /** `ids` of the records, where none was left out; empty otherwise. */
  async #receiveAll(received: readonly Uint8Array[], ids: readonly Uint8Array[]): Promise<void> {
    let next = 0
    const work = async () => {
      while (next < received.length) {
        const at = next++
        await this.#receive(received[at] ?? new Uint8Array(), ids[at])
      }
    }
    await Promise.all(Array.from({ length: Math.min(VERIFIED_TOGETHER, received.length) }, work))
  }

  async #receive(record: Uint8Array, id: Uint8Array | undefined): Promise<void> {
    const verdict = await this.#judge(record)
    if (verdict === 'reject') throw OVERLAY_ERRORS.create('OVERLAY_SYNC_REJECTED')
    if (verdict === 'accept') this.result.accepted += 1
    if (verdict === 'ignore') this.result.ignored += 1
    if (verdict === 'ignore' && id !== undefined) this.#dependencies.ignored.add(id)
  }

  /** The verdict, or undefined when the record side failed. */
  async #judge(record: Uint8Array): Promise<Verdict | undefined> {
    try {
      return await this.#dependencies.records.receive(record, this.#dependencies.from)
    } catch (error) {
      this.result.portFailures += 1
      if (this.result.portFailures > MAX_PORT_FAILURES) throw error
      return undefined
    }
  }
}
