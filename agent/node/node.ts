import { type Clock, isGapmeshError, type Logger, type RandomSource } from '../../core/index.ts'
import type { KeystoreUnlock } from '../../crypto/store/index.ts'
import { type Ledger, ledgerPort } from '../../ledger/index.ts'
import { checkLedger, openLedger } from '../../ledger/store/index.ts'
import { type ChainPort, createOverlay, type Overlay } from '../../overlay/index.ts'
import type { CheckedRecord } from '../../records/index.ts'
import type { Certificate } from '../../records/path/index.ts'
import type { AgentConfig } from '../config/index.ts'
import { Ingest, type IngestEvent, loadPositions } from '../ingest/index.ts'
import { BatchAcceptor } from './acceptor.ts'
import { hashAddresses } from './addresses.ts'
import type { AppendState } from './append-state.ts'
import { type BundleRoom, openBundleRoom } from './bundle-room.ts'
import type { NodeClock } from './clock.ts'
import { type Foundation, openFoundation } from './foundation.ts'
import type { NodeHome } from './home.ts'
import { RecordInbox } from './inbox.ts'
import { meshLinks } from './links.ts'
import { OwnHeadQuestion } from './own-head.ts'
import { type Published, Publisher } from './publisher.ts'
import { createRenewing, type Renewing } from './renewing.ts'
import { openTrustRoom, type TrustRoom } from './trust-room.ts'

export interface NodeOptions {
  readonly home: NodeHome
  readonly config: AgentConfig
  readonly unlock: KeystoreUnlock
}

export interface NodeDependencies {
  readonly clock: Clock
  readonly random: RandomSource
  readonly logger: Logger
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

/** How long a node that has peers to look for waits for a first answer about its own chain before it appends. */
const FIRST_ANSWER_MS = 5_000

/** What a node is made of, opened in order. */
export interface NodeParts extends Foundation, TrustRoom, BundleRoom, Renewing {
  readonly ledger: Ledger
  readonly inbox: RecordInbox
  readonly overlay: Overlay
  readonly publisher: Publisher
  readonly ingest: Ingest
  readonly acceptor: BatchAcceptor
}

/**
 * Opens everything in a node's home, joins the mesh, and reads the sensor's logs.
 * @throws AGENT_HOME_*, CRYPTO_KEYSTORE_*, CORE_STORE_*, LEDGER_DAMAGED, OVERLAY_LISTEN
 */
export async function startNode(options: NodeOptions, dependencies: NodeDependencies): Promise<RunningNode> {
  const node = new RunningNode(options, dependencies)
  try {
    await node.start()
  } catch (error) {
    await node.stop()
    throw error
  }
  return node
}

/** A node of the mesh in this process. Made by {@link startNode}. */
export class RunningNode {
  readonly #options: NodeOptions
  readonly #dependencies: NodeDependencies
  readonly #stopping = new AbortController()
  readonly #recordListeners = new Set<(record: CheckedRecord) => void>()
  readonly #opened: (() => Promise<void>)[] = []
  #parts: NodeParts | undefined
  #ownHead: OwnHeadQuestion | undefined
  #appending: AppendState = 'asking'
  #startedAtMs = 0
  #lostBlocks = 0
  #stoppedBy: string | undefined
  #settled: Promise<void> = Promise.resolve()
  #reading: Promise<void> = Promise.resolve()

  constructor(options: NodeOptions, dependencies: NodeDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  get startedAtMs(): number {
    return this.#startedAtMs
  }

  /** @throws {TypeError} before the node has started */
  get parts(): NodeParts {
    if (this.#parts === undefined) throw new TypeError('the node has not started')
    return this.#parts
  }

  get config(): AgentConfig {
    return this.#options.config
  }

  get home(): NodeHome {
    return this.#options.home
  }

  /** What this node takes for the time. */
  get clock(): NodeClock {
    return this.parts.clock
  }

  /** This node's own certificate. */
  get certificate(): Certificate {
    return this.parts.membership.current.certificate
  }

  /** Own blocks that records name and that neither this node nor a peer holds: a disk lost them before they travelled. */
  get lostBlocks(): number {
    return this.#lostBlocks
  }

  /** Code of the failure that ended the reading of the logs; undefined while all is well. */
  get stoppedBy(): string | undefined {
    return this.#stoppedBy
  }

  get appending(): AppendState {
    return this.#appending
  }

  /** Called once, by {@link startNode}. */
  async start(): Promise<void> {
    const { clock, random, logger } = this.#dependencies
    const onOpened = (close: () => Promise<void>) => void this.#opened.push(close)
    const foundation = await openFoundation(this.#options, { clock, random, logger, onOpened })
    this.#startedAtMs = foundation.clock.now()
    this.#parts = await this.#openMesh(foundation)
    const { overlay, service } = this.#parts
    await this.#checkOwnChain()
    await service.load()
    await overlay.start()
    onOpened(() => overlay.stop())
    onOpened(() => service.stop())
    await service.start()
    this.#settled = this.#settleOwnHead()
    this.#reading = this.#settled.then(() => this.#readLogs())
    this.#reading.catch((error) => this.#failed(error))
  }

  /** Ends reading, leaves the mesh, writes what is pending. Twice is fine. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the node is stopping'))
    await Promise.allSettled([this.#settled, this.#reading])
    for (const close of this.#opened.splice(0).reverse()) await close()
  }

  /** Calls `listener` for every record that is stored from now on, until the answered function is called. */
  onRecord(listener: (record: CheckedRecord) => void): () => void {
    this.#recordListeners.add(listener)
    return () => this.#recordListeners.delete(listener)
  }

  /**
   * Accepts events that no log told, as one record, unless `signal` aborts before it can.
   * @throws AGENT_NODE_NOT_APPENDING, what {@link Publisher.publish} throws, the signal's reason
   */
  async publish(events: readonly IngestEvent[], signal?: AbortSignal): Promise<Published> {
    await this.#settled
    signal?.throwIfAborted()
    return this.parts.publisher.publish(events)
  }

  async #openMesh(foundation: Foundation): Promise<NodeParts> {
    const { random, logger } = this.#dependencies
    const { identity, provider, keys, database, records, clock } = foundation
    const { mesh, nodeId, rootFingerprint } = identity
    const onChange = (revoked: boolean) => this.#parts?.service.changed(revoked)
    const room = await openTrustRoom({ ...foundation, logger, home: this.home, config: this.config, onChange })
    this.#opened.push(() => room.desk.close())
    const { trust } = room
    const ledger = await openLedger(
      { mesh, rootFingerprint, nodeId, keep: this.config['ledger.keep'] },
      {
        database,
        provider,
        clock,
        sealer: keys.sealer,
        deviceKey: keys.deviceKey,
        findKey: async (origin, keyId, atMs) => trust.findKeyAt(origin, keyId, atMs),
        onConflict: ({ origin, seq }) => this.#conflicted(origin, seq),
      },
    )
    const inbox = new RecordInbox({
      clock,
      logger,
      provider,
      records,
      trust,
      fetchCertificates: (from) => overlay.catchUp(from),
      onAdmitted: (record) => this.#heard(record),
    })
    const bundleRoom = await openBundleRoom({ ...foundation, random, logger, home: this.home, config: this.config })
    this.#opened.push(() => bundleRoom.queue.close())
    this.#opened.push(() => bundleRoom.bundles.close())
    const overlay = await this.#createOverlay(foundation, { ...room, ...bundleRoom, inbox, ledger })
    const publisher = this.#createPublisher(foundation, { ledger, overlay })
    const acceptor = new BatchAcceptor({ clock, logger, publisher, signal: this.#stopping.signal })
    const ingest = await this.#createIngest(foundation, room)
    const signal = this.#stopping.signal
    const { home, config } = this
    const renewing = createRenewing({ ...foundation, ...room, random, logger, home, config, overlay, signal })
    return { ...foundation, ...room, ...bundleRoom, ledger, inbox, overlay, publisher, ingest, acceptor, ...renewing }
  }

  #createPublisher(
    { identity, keys, clock, database, records, membership }: Foundation,
    { ledger, overlay }: Pick<NodeParts, 'ledger' | 'overlay'>,
  ): Publisher {
    const { random, logger } = this.#dependencies
    const { mesh, nodeId, rootFingerprint } = identity
    const lifetimeMs = this.config['storage.records.retention_days'] * DAY_MS
    return new Publisher(
      { mesh, nodeId, rootFingerprint, deviceKey: keys.deviceKey, lifetimeMs },
      {
        clock,
        random,
        logger,
        database,
        ledger,
        records,
        overlay,
        membership,
        appending: () => this.#appending,
        onPublished: (record) => this.#tell(record),
      },
    )
  }

  async #createOverlay(
    foundation: Foundation,
    { trust, desk, inbox, ledger, port }: Pick<NodeParts, 'trust' | 'desk' | 'inbox' | 'ledger' | 'port'>,
  ): Promise<Overlay> {
    const { random, logger } = this.#dependencies
    const { identity, keys, clock } = foundation
    const { config } = this
    const overlay = await createOverlay(
      {
        mesh: identity.mesh,
        privateKey: keys.overlaySeed,
        listen: config['mesh.listen'],
        bootstrap: [...new Set([...config['mesh.bootstrap'], ...identity.bootstrapPeers])],
        mdns: config['mesh.mdns'],
        quic: config['mesh.quic'],
        dht: config['mesh.dht'],
        relay: config['mesh.relay'],
        relayServer: config['mesh.relay_server'],
        maxPeers: config['gossip.max_peers'],
      },
      {
        clock,
        random,
        logger,
        records: inbox,
        chains: this.#chainPort(ledger),
        trust: desk,
        bundles: port,
        gate: { judge: (chain) => trust.judgeAgain(chain) },
        ...meshLinks({ ...foundation, random, logger, gate: trust }),
      },
    )
    const looksForPeers = config['mesh.mdns'] || config['mesh.bootstrap'].length + identity.bootstrapPeers.length > 0
    this.#ownHead = new OwnHeadQuestion(
      { firstAnswerMs: looksForPeers ? FIRST_ANSWER_MS : 0 },
      { clock, logger, ledger, fetch: (nodeId) => overlay.catchUp(nodeId) },
    )
    overlay.on('caughtUp', ({ nodeId }) => this.#ownHead?.answered(nodeId))
    return overlay
  }

  /** The ledger's port, listening for what peers say of this node's own chain. */
  #chainPort(ledger: Ledger): ChainPort {
    const port = ledgerPort(ledger, (error, from) => {
      this.#dependencies.logger.debug({ from: from.nodeId, err: error }, 'blocks were refused')
    })
    return {
      ...port,
      learn: (head, from) => {
        if (head.origin === ledger.nodeId) this.#ownHead?.claimed(head, from.nodeId)
        return port.learn(head, from)
      },
    }
  }

  async #createIngest({ database, clock }: Foundation, { pseudonyms }: TrustRoom): Promise<Ingest> {
    const { logger } = this.#dependencies
    const { config } = this
    return new Ingest(
      {
        inputs: [
          ...config['ingest.eve'].map((path) => ({ path, format: 'eve' as const })),
          ...config['ingest.zeek'].map((path) => ({ path, format: 'zeek' as const })),
        ],
        start: config['ingest.start'],
        windowMs: config['ingest.window_ms'],
        fold: config['ingest.fold'],
        overload: config['ingest.overload'],
        maxBacklog: config['ingest.max_backlog'],
        expiryMs: config['ingest.expiry_hours'] * HOUR_MS,
      },
      {
        clock,
        logger,
        signal: this.#stopping.signal,
        positions: await loadPositions(database),
        hashAddresses: (from, to) => hashAddresses(pseudonyms.current, from, to),
      },
    )
  }

  /** A flipped bit in LevelDB's log opens fine and silently drops batches: the end of the own chain is looked at. */
  async #checkOwnChain(): Promise<void> {
    const { database, identity } = this.parts
    const { problems } = await checkLedger({ nodeId: identity.nodeId, scope: 'quick' }, { database })
    if (problems.length === 0) return
    this.#appending = 'damaged'
    this.#dependencies.logger.error(
      { problems },
      'The ledger is damaged; nothing is appended. See docs/operations/node.md',
    )
  }

  /** A second block at a number: of another node an alarm, of this one a reason to stop at once. */
  #conflicted(origin: string, seq: number): void {
    this.#dependencies.logger.error({ origin, seq }, 'Two different blocks stand at one number')
    if (origin === this.parts.identity.nodeId) this.#appending = 'forked'
  }

  async #settleOwnHead(): Promise<void> {
    if (this.#appending === 'damaged' || this.#ownHead === undefined) return
    const outcome = await this.#ownHead.settle(this.#stopping.signal)
    // A conflicting block may have come meanwhile.
    if (this.appending !== 'asking') return
    this.#appending = outcome === 'append' ? 'appending' : 'forked'
    this.#countLostBlocks()
    if (outcome === 'forked') {
      this.#dependencies.logger.error({}, 'Peers hold another block of this node at one number; nothing is appended')
    }
  }

  /** Records name the blocks under them: blocks that nobody has any more are lost for good, and somebody should know. */
  #countLostBlocks(): void {
    const { ledger, records, identity } = this.parts
    const published = records.headOf(identity.nodeId, 'anomaly')?.sequence ?? 0
    this.#lostBlocks = Math.max(0, published - (ledger.head(identity.nodeId)?.seq ?? 0))
    if (this.#lostBlocks === 0) return
    this.#dependencies.logger.error(
      { blocks: this.#lostBlocks },
      'Published blocks of this node are lost; no peer has them',
    )
  }

  async #readLogs(): Promise<void> {
    if (this.#appending !== 'appending') return
    for await (const batch of this.parts.ingest.batches()) await this.parts.acceptor.accept(batch)
  }

  #heard(record: CheckedRecord): void {
    this.parts.service.heard(record)
    this.#tell(record)
  }

  #tell(record: CheckedRecord): void {
    for (const listener of this.#recordListeners) listener(record)
  }

  #failed(error: unknown): void {
    if (this.#stopping.signal.aborted) return
    this.#stoppedBy = isGapmeshError(error) ? error.code : 'INTERNAL'
    this.#dependencies.logger.error({ err: error }, 'Reading the logs has stopped; a restart goes on from there')
  }
}
