import type { RecordType } from '../../records/index.ts'
import type { ListAnnouncement, RecordPort, Sender, TrustPort, Verdict } from '../ports.ts'
import type { Answered } from '../streams/index.ts'
import type { PushedRecord, TrustAnswer, TrustRequest } from './codec.ts'

export interface DeskDependencies {
  readonly trust: TrustPort
  readonly records: RecordPort
  /** Types of records that this node can judge. */
  readonly types: ReadonlySet<RecordType>
  senderOf(peerKey: string): Sender | undefined
  /** True for a peer that may have the pseudonym key. */
  mayHaveKey(peerKey: string): boolean
  /** True for a peer that is left alone for its faults. */
  isPenalised(peerKey: string): boolean
  onAnnounced(peerKey: string, lists: readonly ListAnnouncement[]): void
  onRecord(peerKey: string, record: PushedRecord, verdict: Verdict): void
}

/** What requests are charged, in bytes of the budget that each peer has: by the work that they make. */
const COST = { announcement: 65_536, lookUp: 4_096, record: 16_384, ignored: 262_144 } as const

const BUSY: Answered<TrustAnswer> = { answer: { kind: 'refusal', reason: 'busy' }, costBytes: 0 }

/** What a node answers on the trust stream. */
export class TrustDesk {
  readonly #dependencies: DeskDependencies

  constructor(dependencies: DeskDependencies) {
    this.#dependencies = dependencies
  }

  answer(request: TrustRequest, peerKey: string): Promise<Answered<TrustAnswer>> | Answered<TrustAnswer> {
    const from = this.#dependencies.senderOf(peerKey)
    if (from === undefined) return BUSY
    switch (request.kind) {
      case 'announce':
        this.#dependencies.onAnnounced(peerKey, request.lists)
        return { answer: { kind: 'announce' }, costBytes: COST.announcement }
      case 'chunk':
        return this.#chunk(request)
      case 'record':
        return this.#dependencies.isPenalised(peerKey) ? BUSY : this.#record(request, peerKey, from)
      case 'key':
        return { answer: { kind: 'key', key: this.#key(request.epoch, peerKey) }, costBytes: COST.lookUp }
    }
  }

  /** The whole chunk, however the port cuts its lists. */
  async #chunk({ hash, offset, maxBytes }: Extract<TrustRequest, { kind: 'chunk' }>): Promise<Answered<TrustAnswer>> {
    const parts: Uint8Array[] = []
    for (let left = maxBytes; left > 0; ) {
      const part = await this.#dependencies.trust.readList(hash, offset + maxBytes - left, left)
      if (part === undefined || part.length === 0) break
      parts.push(part)
      left -= part.length
    }
    const bytes = new Uint8Array(Buffer.concat(parts))
    return { answer: { kind: 'chunk', bytes }, costBytes: COST.lookUp + bytes.length }
  }

  async #record(pushed: PushedRecord, peerKey: string, sender: Sender): Promise<Answered<TrustAnswer>> {
    const { records, types, onRecord } = this.#dependencies
    const { type, record, chain } = pushed
    const answer = { kind: 'record' } as const
    // A newer release may push what this one cannot judge.
    if (!types.has(type)) return { answer, costBytes: COST.record }
    const from = { ...sender, topic: type }
    if (chain.length > 0) await records.receiveCertificates([chain], from)
    const verdict = await records.receive(record, from)
    onRecord(peerKey, pushed, verdict)
    return { answer, costBytes: verdict === 'ignore' ? COST.ignored : COST.record }
  }

  #key(epoch: number, peerKey: string): Uint8Array | undefined {
    return this.#dependencies.mayHaveKey(peerKey) ? this.#dependencies.trust.pseudonymKey(epoch) : undefined
  }
}
