import type { PrivateKey } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { checkOptionKeys, checkWholeNumber, isDnsLabel } from '../core/index.ts'
import type { FanOut } from './gossip/index.ts'
import type { BudgetOptions } from './streams/index.ts'
import { type CapabilityOptions, type CapabilityTable, resolveCapabilities } from './verdicts.ts'

/** How gossip behaves; every field has a default that fits a mesh of up to some fifty nodes. */
export interface OverlayGossipOptions {
  /** gossipsub's D: mesh links per topic. Default 6. */
  readonly degree?: number
  /** Default 4. */
  readonly degreeLow?: number
  /** Default 12. */
  readonly degreeHigh?: number
  /** Peers outside the mesh that are offered recent ids, per heartbeat. Default 6. */
  readonly degreeLazy?: number
  /** Own records go to all peers at once. Default true. */
  readonly floodPublish?: boolean
  /** Messages verified at a time. Default 8. */
  readonly concurrency?: number
  /** Messages that waited longer are left to catch-up, in milliseconds. Default 3,000; gossipsub forgets them after 5,000. */
  readonly maxAgeMs?: number
  /** Chain heads announced within this time travel together, in milliseconds. Default 50. */
  readonly announceWindowMs?: number
}

/** How catch-up behaves. */
export interface OverlaySyncOptions {
  /** Time between catch-ups with one peer when nothing else asks for one, in milliseconds, spread by a fifth. Default 60,000. */
  readonly periodMs?: number
  /** Least time between catch-ups with, and hints to, one peer, in milliseconds. Default 1,000. */
  readonly minGapMs?: number
  /** How long a peer may take for one answer, in milliseconds. Default 15,000. */
  readonly answerTimeoutMs?: number
  /** How long one catch-up may take before it is cut and goes on later, in milliseconds. Default 600,000. */
  readonly catchUpTimeoutMs?: number
  /** Most catch-ups at a time; one that takes longer than 30 seconds no longer counts. Default 4. */
  readonly maxRunning?: number
  /** What one peer may have served. Default 64 MiB at once and 8 MiB a second. */
  readonly budget?: BudgetOptions
}

export interface OverlayOptions {
  /** Name of the mesh, a DNS label. */
  readonly mesh: string
  /** Overlay key: raw Ed25519 seed of 32 bytes, or a libp2p Ed25519 private key. */
  readonly privateKey: Uint8Array | PrivateKey
  /** Multiaddrs to listen on, such as `/ip4/0.0.0.0/tcp/4001`. Default none: dial only. */
  readonly listen?: readonly string[]
  /** Multiaddrs to stay connected with, with or without `/p2p/…`. Default none. */
  readonly bootstrap?: readonly string[]
  /** Finds peers on the LAN by multicast DNS. Default false. */
  readonly mdns?: boolean
  /** Takes and makes QUIC connections as well; their encryption is classical. Default false. */
  readonly quic?: boolean
  /** Finds peers by asking connected ones (a DHT of the mesh's own), and tells others of peers. Default false. */
  readonly dht?: boolean
  /** Reserves a place at peers that relay, and connects through relays with who cannot be reached directly. Default false. */
  readonly relay?: boolean
  /** Relays connections between peers that cannot reach each other. Default false. */
  readonly relayServer?: boolean
  /** Most peers at a time; configured ones are dialled beyond it. Default 64. */
  readonly maxPeers?: number
  /** Inbound connections a second from one address. Default 64. */
  readonly maxInboundPerSecond?: number
  /** Delay of the first redial and the longest one, in milliseconds. Default 1,000 and 300,000. */
  readonly redial?: { readonly baseMs: number; readonly maxMs: number }
  readonly gossip?: OverlayGossipOptions
  readonly sync?: OverlaySyncOptions
  /**
   * What peers may do, by the gate's verdict. Default: a trusted peer everything; a stale or unreachable one receives and
   * forwards.
   */
  readonly capabilities?: CapabilityOptions
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly mesh: string
  readonly privateKey: Uint8Array | PrivateKey
  readonly listen: readonly string[]
  readonly bootstrap: readonly string[]
  readonly mdns: boolean
  readonly quic: boolean
  readonly dht: boolean
  readonly relay: boolean
  readonly relayServer: boolean
  readonly maxPeers: number
  readonly maxInboundPerSecond: number
  readonly redial: { readonly baseMs: number; readonly maxMs: number }
  readonly fanOut: FanOut
  readonly gossip: Required<Pick<OverlayGossipOptions, 'concurrency' | 'maxAgeMs' | 'announceWindowMs'>>
  readonly sync: Required<OverlaySyncOptions>
  readonly capabilities: CapabilityTable
}

const SEED_BYTES = 32
const DAY_MS = 86_400_000

/**
 * Checks `options` and fills in defaults.
 * @throws {TypeError} for an unknown key or a value out of bounds
 */
export function resolveOptions(options: OverlayOptions): ResolvedOptions {
  checkOptionKeys('overlay', options, OPTION_KEYS)
  if (!isDnsLabel(options.mesh)) throw new TypeError('mesh must be a DNS label')
  if (options.privateKey instanceof Uint8Array && options.privateKey.length !== SEED_BYTES) {
    throw new TypeError(`privateKey must be a seed of ${SEED_BYTES} bytes or a libp2p private key`)
  }
  const { listen = [], bootstrap = [], quic = false, maxPeers = 64, maxInboundPerSecond = 64 } = options
  for (const address of [...listen, ...bootstrap]) checkAddress(address)
  if (!quic && listen.some((address) => address.includes('/quic-v1'))) throw new TypeError('listen: QUIC is off')
  if (listen.some((address) => address.includes('/p2p-circuit'))) {
    throw new TypeError('listen: with the option relay, places at relays are reserved without being named')
  }
  checkWholeNumber('maxPeers', maxPeers, { min: 1, max: 10_000 })
  checkWholeNumber('maxInboundPerSecond', maxInboundPerSecond, { min: 1, max: 100_000 })
  const redial = { baseMs: 1_000, maxMs: 300_000, ...options.redial }
  checkOptionKeys('overlay.redial', redial, ['baseMs', 'maxMs'])
  checkWholeNumber('redial.baseMs', redial.baseMs, { min: 1, max: DAY_MS })
  checkWholeNumber('redial.maxMs', redial.maxMs, { min: redial.baseMs, max: DAY_MS })
  return {
    mesh: options.mesh,
    privateKey: options.privateKey,
    listen,
    bootstrap,
    mdns: options.mdns ?? false,
    quic,
    dht: options.dht ?? false,
    relay: options.relay ?? false,
    relayServer: options.relayServer ?? false,
    maxPeers,
    maxInboundPerSecond,
    redial,
    ...resolveGossip(options.gossip ?? {}),
    sync: resolveSync(options.sync ?? {}),
    capabilities: resolveCapabilities(options.capabilities),
  }
}

const OPTION_KEYS = [
  'mesh',
  'privateKey',
  'listen',
  'bootstrap',
  'mdns',
  'quic',
  'dht',
  'relay',
  'relayServer',
  'maxPeers',
  'maxInboundPerSecond',
  'redial',
  'gossip',
  'sync',
  'capabilities',
]

function resolveGossip(options: OverlayGossipOptions): Pick<ResolvedOptions, 'fanOut' | 'gossip'> {
  const { degree = 6, degreeLow = 4, degreeHigh = 12, degreeLazy = 6, floodPublish = true, ...rest } = options
  const { concurrency = 8, maxAgeMs = 3_000, announceWindowMs = 50, ...unknown } = rest
  checkOptionKeys('overlay.gossip', unknown, [])
  checkWholeNumber('gossip.degree', degree, { min: 1, max: 64 })
  checkWholeNumber('gossip.degreeLow', degreeLow, { min: 1, max: degree })
  checkWholeNumber('gossip.degreeHigh', degreeHigh, { min: degree, max: 128 })
  checkWholeNumber('gossip.degreeLazy', degreeLazy, { min: 0, max: 64 })
  checkWholeNumber('gossip.concurrency', concurrency, { min: 1, max: 256 })
  checkWholeNumber('gossip.maxAgeMs', maxAgeMs, { min: 1, max: 4_000 })
  checkWholeNumber('gossip.announceWindowMs', announceWindowMs, { min: 0, max: 60_000 })
  return {
    fanOut: { degree, degreeLow, degreeHigh, degreeLazy, floodPublish },
    gossip: { concurrency, maxAgeMs, announceWindowMs },
  }
}

function resolveSync(options: OverlaySyncOptions): Required<OverlaySyncOptions> {
  const { periodMs = 60_000, minGapMs = 1_000, answerTimeoutMs = 15_000, ...rest } = options
  const { catchUpTimeoutMs = 600_000, maxRunning = 4, budget = DEFAULT_BUDGET, ...unknown } = rest
  checkOptionKeys('overlay.sync', unknown, [])
  checkOptionKeys('overlay.sync.budget', budget, ['burstBytes', 'bytesPerSecond'])
  checkWholeNumber('sync.periodMs', periodMs, { min: 100, max: DAY_MS })
  checkWholeNumber('sync.minGapMs', minGapMs, { min: 1, max: DAY_MS })
  checkWholeNumber('sync.answerTimeoutMs', answerTimeoutMs, { min: 100, max: DAY_MS })
  checkWholeNumber('sync.catchUpTimeoutMs', catchUpTimeoutMs, { min: 1_000, max: DAY_MS })
  checkWholeNumber('sync.maxRunning', maxRunning, { min: 1, max: 64 })
  checkWholeNumber('sync.budget.burstBytes', budget.burstBytes, { min: 1, max: 2 ** 40 })
  checkWholeNumber('sync.budget.bytesPerSecond', budget.bytesPerSecond, { min: 1, max: 2 ** 40 })
  return { periodMs, minGapMs, answerTimeoutMs, catchUpTimeoutMs, maxRunning, budget }
}

const DEFAULT_BUDGET: BudgetOptions = { burstBytes: 64 * 1024 * 1024, bytesPerSecond: 8 * 1024 * 1024 }

function checkAddress(address: string): void {
  try {
    multiaddr(address)
  } catch (cause) {
    throw new TypeError(`not a multiaddr: ${JSON.stringify(address)}`, { cause })
  }
}
