import type { Clock, Logger, Timer } from '../../core/index.ts'
import type { Overlay } from '../../overlay/index.ts'
import {
  type CheckedRecord,
  type DecodedRecord,
  type Directive,
  decodeDirective,
  MAX_CREATION_AHEAD_MS,
} from '../../records/index.ts'
import type { RecordStore } from '../../records/store/index.ts'
import type { ListPoller } from './list-poller.ts'
import type { RenewalMemory } from './renewal.ts'
import type { RevocationDesk } from './revocation-desk.ts'
import type { Rotation } from './rotation.ts'
import type { MeshTrust } from './trust.ts'

export interface TrustServiceOptions {
  readonly nodeId: string
}

export interface TrustServiceDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly overlay: Pick<Overlay, 'announceLists' | 'rejudge' | 'disconnect' | 'peers'>
  readonly trust: MeshTrust
  readonly desk: RevocationDesk
  readonly records: RecordStore
  readonly rotation: Rotation
  readonly renewals: RenewalMemory
  /** Undefined when nobody has said where the CA is. */
  readonly poller: ListPoller | undefined
}

/** Certificates end and lists grow old while connections stand: everyone connected is judged again this often, in milliseconds. */
const REJUDGE_MS = 60_000

/** Acts on what the node learns of trust: sends the revoked away, tells peers, rotates, asks the CA. */
export class TrustService {
  readonly #options: TrustServiceOptions
  readonly #dependencies: TrustServiceDependencies
  /** Revoked nodes that were sent away. */
  readonly #expelled = new Set<string>()
  #timer: Timer | undefined
  #enforcing: Promise<void> | undefined
  /** What the next round of enforcing does; undefined: there is none. */
  #next: { readonly judging: boolean } | undefined
  #stopped = true

  constructor(options: TrustServiceOptions, dependencies: TrustServiceDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** What operators have ordered before is in the store, unless they are revoked since. Before the overlay starts. */
  async load(): Promise<void> {
    for await (const { record } of this.#dependencies.records.list({ type: 'directive' })) {
      if (!(await this.#isVoid(record))) this.#obey(decodeDirective(record.body), record.createdAtMs)
    }
  }

  /** Once the overlay runs. */
  async start(): Promise<void> {
    const { poller, rotation } = this.#dependencies
    this.#stopped = false
    poller?.start()
    rotation.start()
    await this.#expelRevoked()
    this.#judgeLater()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    const { poller, rotation } = this.#dependencies
    await Promise.all([poller?.stop(), rotation.stop(), this.#enforcing])
  }

  /** A record was stored. */
  heard(record: CheckedRecord): void {
    if (record.type !== 'directive') return
    this.#obey(record.decodedBody as Directive, record.createdAtMs)
    this.#dependencies.poller?.soon()
  }

  /**
   * Lists were applied, or revocations ordered: acts on it at once.
   * @param revoked whether anybody may be revoked now who was not, or the other way round
   */
  changed(revoked: boolean): void {
    this.#next = { judging: revoked || (this.#next?.judging ?? false) }
    if (this.#stopped || this.#enforcing !== undefined) return
    this.#timer?.cancel()
    this.#enforcing = this.#enforce().finally(() => {
      this.#enforcing = undefined
      this.#judgeLater()
    })
  }

  #judgeLater(): void {
    if (this.#stopped) return
    this.#timer = this.#dependencies.clock.setTimer(REJUDGE_MS, () => this.changed(true), { unref: true })
  }

  async #isVoid({ issuerKeyId, serialNumber, createdAtMs }: DecodedRecord): Promise<boolean> {
    const { records, trust } = this.#dependencies
    const [author] = (await records.chain(issuerKeyId, serialNumber)) ?? []
    return author !== undefined && trust.revocations.revocationOf(author, createdAtMs) !== undefined
  }

  #obey(directive: Directive, orderedAtMs: number): void {
    const { desk, rotation, logger } = this.#dependencies
    if (directive.kind === 'revoke') {
      if (desk.order(directive, orderedAtMs)) logger.warn({}, 'an operator has revoked a certificate')
      return
    }
    const isMeant = directive.nodeId === undefined || directive.nodeId === this.#options.nodeId
    if (isMeant && orderedAtMs > this.#renewedAtMs()) rotation.hurry(directive.notLaterThanMs)
  }

  /** A renewal that lies ahead was dated by a clock that was wrong: it says nothing. */
  #renewedAtMs(): number {
    const { renewals, clock } = this.#dependencies
    return renewals.renewedAtMs > clock.now() + MAX_CREATION_AHEAD_MS ? 0 : renewals.renewedAtMs
  }

  async #enforce(): Promise<void> {
    const { overlay, logger, poller, desk } = this.#dependencies
    for (let round = this.#next; round !== undefined && !this.#stopped; round = this.#next) {
      this.#next = undefined
      try {
        overlay.announceLists()
        // Whatever is being admitted has to begin anew then: not for a list that changes nothing.
        if (round.judging || overlay.peers().some(({ verdict }) => verdict !== 'trusted')) await overlay.rejudge()
        await this.#expelRevoked()
      } catch (error) {
        logger.error({ err: error }, 'Peers could not be judged again')
      }
    }
    if (desk.wantsPseudonymEpoch() !== undefined) poller?.soon()
  }

  /** Also those that are not connected: nobody dials them any more, and nothing of them waits. */
  async #expelRevoked(): Promise<void> {
    const { overlay, trust, logger } = this.#dependencies
    const revoked = trust.revoked()
    for (const nodeId of this.#expelled) if (!revoked.includes(nodeId)) this.#expelled.delete(nodeId)
    for (const nodeId of revoked.filter((name) => !this.#expelled.has(name))) {
      this.#expelled.add(nodeId)
      logger.warn({ nodeId }, 'a node of the mesh is revoked')
      await overlay.disconnect(nodeId)
    }
  }
}
