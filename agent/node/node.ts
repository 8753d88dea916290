import { type Clock, isGapmeshError, type Logger, type RandomSource } from '../../core/index.ts'
import { type Database, openDatabase, RESERVE_BYTES } from '../../core/store/index.ts'
import { createNativeProvider, type SignatureProvider } from '../../crypto/index.ts'
import type { KeystoreUnlock } from '../../crypto/store/index.ts'
import { type Ledger, ledgerPort } from '../../ledger/index.ts'
import { checkLedger, openLedger } from '../../ledger/store/index.ts'
import { type ChainPort, createOverlay, MeshTls, type Overlay } from '../../overlay/index.ts'
import { type CheckedRecord, hashAddress } from '../../records/index.ts'
import { type Certificate, parseChain } from '../../records/path/index.ts'
import { openRecordStore, type RecordStore } from '../../records/store/index.ts'
import type { AgentConfig } from '../config/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { Ingest, type IngestEvent, loadPositions } from '../ingest/index.ts'
import { BatchAcceptor } from './acceptor.ts'
import type { AppendState } from './append-state.ts'
import { type NodeHome, type NodeIdentity, readIdentity } from './home.ts'
import { RecordInbox } from './inbox.ts'
import { type NodeKeys, openNodeKeys } from './keys.ts'
import { OwnHeadQuestion } from './own-head.ts'
import { type Published, Publisher } from './publisher.ts'
import { MeshTrust } from './trust.ts'

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
export interface NodeParts {
  readonly identity: NodeIdentity
  readonly certificate: Certificate
  readonly keys: NodeKeys
  readonly provider: SignatureProvider
  readonly database: Database
  readonly records: RecordStore
  readonly trust: MeshTrust
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
  readonly startedAtMs: number
  readonly #options: NodeOptions
  readonly #dependencies: NodeDependencies
  readonly #stopping = new AbortController()
  readonly #recordListeners = new Set<(record: CheckedRecord) => void>()
  readonly #opened: (() => Promise<void>)[] = []
  #parts: NodeParts | undefined
  #ownHead: OwnHeadQuestion | undefined
  #appending: AppendState = 'asking'
  #lostBlocks = 0
  #stoppedBy: string | undefined
  #settled: Promise<void> = Promise.resolve()
  #reading: Promise<void> = Promise.resolve()

  constructor(options: NodeOptions, dependencies: NodeDependencies) {
    this.#options = options
    this.#dependencies = dependencies
    this.startedAtMs = dependencies.clock.now()
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

  get clock(): Clock {
    return this.#dependencies.clock
  }

  /** This node's own certificate. */
  get certificate(): Certificate {
    return this.parts.certificate
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
    const foundation = await this.#openStores()
    this.#parts = { ...foundation, ...(await this.#openMesh(foundation)) }
    await this.#checkOwnChain()
    await this.#parts.overlay.start()
    this.#opened.push(() => this.parts.overlay.stop())
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

  async #openStores() {
    const { home, unlock } = this.#options
    const { clock, random, logger } = this.#dependencies
    const provider = createNativeProvider()
    const identity = await readIdentity(home)
    const keys = await openNodeKeys(
      { directory: home.keystore, unlock, pseudonymEpoch: identity.pseudonymEpoch },
      { provider, clock, random },
    )
    const database = await openDatabase(home.database, { reserveBytes: RESERVE_BYTES })
    this.#opened.push(() => database.close())
    const records = await openRecordStore({}, { database, clock, logger })
    this.#opened.push(() => records.close())
    return { identity, provider, keys, database, records }
  }

  async #openMesh(foundation: Pick<NodeParts, 'identity' | 'provider' | 'keys' | 'database' | 'records'>) {
    const { clock, random, logger } = this.#dependencies
    const { identity, provider, keys, database, records } = foundation
    const { mesh, nodeId, rootFingerprint } = identity
    const chain = parseChain(identity.chain)
    const [certificate, root] = [chain[0], chain.at(-1)]
    if (certificate === undefined || root === undefined) throw AGENT_ERRORS.create('AGENT_HOME_BROKEN')
    const trust = new MeshTrust({ mesh, rootFingerprint, root }, { provider, clock, records })
    await trust.load()
    await trust.learn(identity.chain)
    const ledger = await openLedger(
      { mesh, rootFingerprint, nodeId, keep: this.config['ledger.keep'] },
      {
        database,
        provider,
        clock,
        sealer: keys.sealer,
        deviceKey: keys.deviceKey,
        findKey: async (origin, keyId) => trust.findKey(origin, keyId),
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
      onAdmitted: (record) => this.#tell(record),
    })
    const overlay = await this.#createOverlay(foundation, { trust, inbox, ledger })
    const signer = { mesh, rootFingerprint, identityKey: keys.identityKey, deviceKey: keys.deviceKey }
    const publisher = new Publisher(
      { nodeId, certificate, signer, lifetimeMs: this.config['storage.records.retention_days'] * DAY_MS },
      {
        clock,
        random,
        logger,
        database,
        ledger,
        records,
        overlay,
        appending: () => this.#appending,
        onPublished: (record) => this.#tell(record),
      },
    )
    const acceptor = new BatchAcceptor({ clock, logger, publisher, signal: this.#stopping.signal })
    const ingest = await this.#createIngest(foundation)
    return { certificate, trust, ledger, inbox, overlay, publisher, ingest, acceptor }
  }

  async #createOverlay(
    { identity, provider, keys }: Pick<NodeParts, 'identity' | 'provider' | 'keys'>,
    { trust, inbox, ledger }: Pick<NodeParts, 'trust' | 'inbox' | 'ledger'>,
  ): Promise<Overlay> {
    const { clock, random, logger } = this.#dependencies
    const { config } = this
    const { mesh, chain } = identity
    const rootDer = chain.at(-1) ?? new Uint8Array()
    const overlay = await createOverlay(
      {
        mesh,
        privateKey: keys.overlaySeed,
        listen: config['mesh.listen'],
        bootstrap: [...new Set([...config['mesh.bootstrap'], ...identity.bootstrapPeers])],
        mdns: config['mesh.mdns'],
        maxPeers: config['gossip.max_peers'],
      },
      {
        clock,
        random,
        logger,
        records: inbox,
        chains: this.#chainPort(ledger),
        encrypter: (sink) =>
          new MeshTls(
            { mesh, chainDer: chain, rootDer, identityKey: keys.identityKey, deviceKey: keys.deviceKey },
            { gate: trust, provider, clock, random, logger, sink },
          ),
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
      this.#dependencies.logger.debug({ from: from.nodeId, error: String(error) }, 'blocks were refused')
    })
    return {
      ...port,
      learn: (head, from) => {
        if (head.origin === ledger.nodeId) this.#ownHead?.claimed(head, from.nodeId)
        return port.learn(head, from)
      },
    }
  }

  async #createIngest({ database, keys: { pseudonym } }: Pick<NodeParts, 'database' | 'keys'>): Promise<Ingest> {
    const { clock, logger } = this.#dependencies
    const { config } = this
    const hash = (address: string | undefined) => (address === undefined ? undefined : hashAddress(address, pseudonym))
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
        hashAddresses: (from, to) => {
          if (from === undefined && to === undefined) return undefined
          const [source, destination] = [hash(from), hash(to)]
          return { epoch: pseudonym.epoch, ...(source && { source }), ...(destination && { destination }) }
        },
      },
    )
  }

  /** A flipped bit in LevelDB's log opens fine and silently drops batches: the end of the own chain is looked at. */
  async #checkOwnChain(): Promise<void> {
    const { database, identity } = this.parts
    const { problems } = await checkLedger({ nodeId: identity.nodeId, scope: 'quick' }, { database })
    if (problems.length === 0) return
    this.#appending = 'damaged'
    this.#dependencies.logger.error({ problems }, 'The ledger is damaged; nothing is appended. Run: gapmesh doctor')
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

  #tell(record: CheckedRecord): void {
    for (const listener of this.#recordListeners) listener(record)
  }

  #failed(error: unknown): void {
    if (this.#stopping.signal.aborted) return
    this.#stoppedBy = isGapmeshError(error) ? error.code : 'INTERNAL'
    this.#dependencies.logger.error(
      { error: String(error) },
      'Reading the logs has stopped; a restart goes on from there',
    )
  }
}
