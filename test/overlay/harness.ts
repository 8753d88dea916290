import { createHash } from 'node:crypto'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPairFromSeed, publicKeyFromProtobuf, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { RPC } from '@libp2p/gossipsub/message'
import { identify } from '@libp2p/identify'
import type {
  ConnectionEncrypter,
  Ed25519PrivateKey,
  Libp2p,
  MessageStream,
  PeerId,
  SecuredConnection,
  StreamMessageEvent,
} from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { Uint8ArrayList } from 'uint8arraylist'
import {
  type Clock,
  compareBytes,
  concatBytes,
  equalBytes,
  SimulatedRandom,
  silentLogger,
  systemClock,
  toHex,
  uintBytes,
  uintFromBytes,
  utf8,
} from '../../core/index.ts'
import {
  type AdmissionSink,
  type BucketDigest,
  type BundlePort,
  type ChainHead,
  type ChainPlace,
  type ChainPort,
  createOverlay,
  type IdPage,
  type LearnedHead,
  type Opinion,
  OVERLAY_ERRORS,
  type Overlay,
  type OverlayOptions,
  type PeerGate,
  type PrefixDigest,
  type RecordPort,
  type Sender,
  type TrustPort,
  type Verdict,
} from '../../overlay/index.ts'
import { decodeRecord, type ValidPath } from '../../records/index.ts'

const HOUR_MS = 3_600_000

/** A record of these tests: [created, milliseconds u64][text]. Its id is the SHA-256 of the bytes. */
export function makeRecord(text: string, createdAtMs = Date.UTC(2026, 0, 1)): Uint8Array {
  return concatBytes(uintBytes(createdAtMs), utf8(text))
}

export function idOf(record: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(record).digest())
}

interface Held {
  readonly id: Uint8Array
  readonly record: Uint8Array
}

/** An honest record side in memory. */
export class MemoryRecords implements RecordPort {
  readonly held = new Map<string, Held>()
  readonly received: { record: Uint8Array; from: Sender }[] = []
  readonly chains: Uint8Array[][] = []
  readonly #byBucket = new Map<number, Held[]>()
  /** Judges a record before it is kept; may be replaced by a test. */
  judge: (record: Uint8Array, from: Sender) => Promise<Verdict> | Verdict = () => 'accept'

  keep(record: Uint8Array): void {
    const id = idOf(record)
    const key = toHex(id)
    if (this.held.has(key)) return
    const bucket = bucketOf(record)
    this.held.set(key, { id, record })
    const held = this.#byBucket.get(bucket)
    if (held === undefined) this.#byBucket.set(bucket, [{ id, record }])
    else held.push({ id, record })
  }

  async receive(record: Uint8Array, from: Sender): Promise<Verdict> {
    this.received.push({ record, from })
    if (this.held.has(toHex(idOf(record)))) return 'duplicate'
    if (from.bucket !== undefined && from.bucket !== bucketOf(record)) return 'reject'
    const verdict = await this.judge(record, from)
    if (verdict === 'accept') this.keep(new Uint8Array(record))
    return verdict
  }

  async receiveCertificates(chains: readonly (readonly Uint8Array[])[]): Promise<void> {
    for (const chain of chains) this.chains.push([...chain])
  }

  async buckets(): Promise<readonly BucketDigest[]> {
    return [...this.#byBucket].map(([bucket, held]) => ({ bucket, ...digestOf(held) }))
  }

  async prefixes(bucket: number): Promise<readonly PrefixDigest[]> {
    const groups = Map.groupBy(this.#byBucket.get(bucket) ?? [], ({ id }) => id[0] ?? 0)
    return [...groups].map(([prefix, held]) => ({ prefix, ...digestOf(held) }))
  }

  async ids(bucket: number, { prefix, after, limit }: IdPage): Promise<readonly Uint8Array[]> {
    const held = this.#byBucket.get(bucket) ?? []
    return held
      .map(({ id }) => id)
      .filter((id) => prefix === undefined || id[0] === prefix)
      .filter((id) => after === undefined || compareBytes(id, after) > 0)
      .sort(compareBytes)
      .slice(0, limit)
  }

  async missing(ids: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    return ids.filter((id) => !this.held.has(toHex(id)))
  }

  async read(ids: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    return ids.flatMap((id) => this.held.get(toHex(id))?.record ?? [])
  }

  async chainsFor(): Promise<readonly (readonly Uint8Array[])[]> {
    return [[utf8('leaf'), utf8('root')]]
  }
}

/** Of a record of these tests or, which never begins with a zero, of a real one. */
function bucketOf(record: Uint8Array): number {
  const createdAtMs = record[0] === 0 ? uintFromBytes(record.subarray(0, 8)) : decodeRecord(record).createdAtMs
  return Math.floor(createdAtMs / HOUR_MS)
}

function digestOf(held: readonly Held[]): { count: number; digest: Uint8Array } {
  const ids = held.map(({ id }) => id).sort(compareBytes)
  return {
    count: ids.length,
    digest: new Uint8Array(
      createHash('sha256')
        .update(concatBytes(...ids))
        .digest(),
    ),
  }
}

/** A block of these tests: its text; the id of block n of an origin is the SHA-256 of `origin/n`. */
export function blockOf(origin: string, seq: number): Uint8Array {
  return utf8(`${origin}/${seq}`)
}

/** An honest ledger side in memory, which keeps every chain without gaps. */
export class MemoryChains implements ChainPort {
  readonly held = new Map<string, Uint8Array[]>()
  readonly learned: ChainHead[] = []
  /** False for a node that keeps no chains of others. */
  keeps = true

  grow(origin: string, count: number): ChainHead {
    const chain = this.held.get(origin) ?? []
    for (let at = 0; at < count; at += 1) chain.push(blockOf(origin, chain.length + 1))
    this.held.set(origin, chain)
    return headOf(origin, chain.length)
  }

  async heads(): Promise<readonly ChainHead[]> {
    return [...this.held].map(([origin, chain]) => headOf(origin, chain.length))
  }

  async learn(head: ChainHead): Promise<LearnedHead> {
    this.learned.push(head)
    const height = this.held.get(head.origin)?.length ?? 0
    if (head.seq <= height) return { kind: 'known' }
    if (!this.keeps) return { kind: 'new' }
    return { kind: 'new', want: { origin: head.origin, fromSeq: height + 1, toSeq: head.seq } }
  }

  async read(origin: string, fromSeq: number, maxCount: number): Promise<readonly Uint8Array[]> {
    return (this.held.get(origin) ?? []).slice(fromSeq - 1, fromSeq - 1 + maxCount)
  }

  async receive({ origin, fromSeq }: ChainPlace, blocks: readonly Uint8Array[]): Promise<Verdict> {
    const chain = this.held.get(origin) ?? []
    const fits = (block: Uint8Array, at: number) => {
      const seq = fromSeq + at
      if (!equalBytes(block, blockOf(origin, seq))) return false
      if (seq === chain.length + 1) chain.push(block)
      return true
    }
    if (!blocks.every(fits)) return 'reject'
    this.held.set(origin, chain)
    return 'accept'
  }
}

export function headOf(origin: string, seq: number): ChainHead {
  return { origin, seq, id: idOf(blockOf(origin, seq)) }
}

/** Says what a node thinks of another; undefined when it refuses it. */
type Judge = (nodeId: string) => Partial<Opinion> | undefined

/** A path of these tests: the chain is the node_id. */
function pathOf(nodeId: string, opinion: Partial<Opinion>): ValidPath & Partial<Opinion> {
  return { nodeId, chain: [{ der: utf8(nodeId) }], ...opinion } as unknown as ValidPath & Partial<Opinion>
}

function gateOf(judge: Judge): PeerGate {
  return {
    async judge([der]) {
      const nodeId = new TextDecoder().decode(der)
      const opinion = judge(nodeId)
      if (opinion === undefined) throw OVERLAY_ERRORS.create('OVERLAY_LINK_UNTRUSTED')
      return pathOf(nodeId, opinion)
    },
  }
}

/** A link without any protection: each side says who it is, and is believed. */
class PlainLink implements ConnectionEncrypter {
  readonly protocol = '/plain/1'
  readonly #hello: Uint8Array
  readonly #sink: AdmissionSink
  readonly #judge: Judge

  constructor(hello: Uint8Array, sink: AdmissionSink, judge: Judge) {
    this.#hello = hello
    this.#sink = sink
    this.#judge = judge
  }

  secureInbound(connection: MessageStream): Promise<SecuredConnection> {
    return this.#exchange(connection, 'inbound')
  }

  secureOutbound(connection: MessageStream): Promise<SecuredConnection> {
    return this.#exchange(connection, 'outbound')
  }

  async #exchange(connection: MessageStream, direction: 'inbound' | 'outbound'): Promise<SecuredConnection> {
    connection.send(concatBytes(uintBytes(this.#hello.length, 2), this.#hello))
    const hello = await readHello(connection)
    const keyLength = hello[0] ?? 0
    const remotePeer: PeerId = peerIdFromPublicKey(publicKeyFromProtobuf(hello.slice(1, 1 + keyLength)))
    const nodeId = new TextDecoder().decode(hello.subarray(1 + keyLength))
    const opinion = this.#judge(nodeId)
    if (opinion === undefined) this.#sink.onRefusal({ code: 'TEST_REFUSED', direction })
    else this.#sink.onAdmitted({ peerId: remotePeer, path: pathOf(nodeId, opinion), link: { class: 'plain' } })
    return { connection, remotePeer }
  }
}

function readHello(connection: MessageStream): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const buffer = new Uint8ArrayList()
    const onClose = () => reject(new Error('closed during hello'))
    const onMessage = (event: StreamMessageEvent) => {
      buffer.append(event.data)
      if (buffer.byteLength < 2 || buffer.byteLength < 2 + buffer.getUint16(0)) return
      connection.removeEventListener('message', onMessage)
      connection.removeEventListener('close', onClose)
      const end = 2 + buffer.getUint16(0)
      if (buffer.byteLength > end) connection.unshift(buffer.sublist(end))
      resolve(buffer.slice(2, end))
    }
    connection.addEventListener('message', onMessage)
    connection.addEventListener('close', onClose)
  })
}

/** One node of a test mesh. */
export interface TestNode {
  readonly nodeId: string
  readonly overlay: Overlay
  readonly records: MemoryRecords
  readonly chains: MemoryChains
  address(): string
}

export interface NodeSetup extends Partial<OverlayOptions> {
  readonly records?: MemoryRecords
  readonly chains?: MemoryChains
  readonly clock?: Clock
  readonly trust?: TrustPort
  readonly bundles?: BundlePort
  /** Whom the link reports as admitted, and with which verdict; the connection is secured either way. */
  readonly judge?: Judge
}

const FAST_SYNC = { periodMs: 60_000, minGapMs: 50, answerTimeoutMs: 5_000 }

/** A started node on a free loopback port; the test stops it. */
export async function startNode(
  t: { teardown(action: () => Promise<void>): void },
  nodeId: string,
  setup: NodeSetup = {},
): Promise<TestNode> {
  const { records = new MemoryRecords(), chains = new MemoryChains(), clock = systemClock(), ...others } = setup
  const { trust, bundles, judge = () => ({}), ...rest } = others
  const { privateKey, hello } = await identityOf(nodeId)
  const overlay = await createOverlay(
    { mesh: 'north-grid', listen: ['/ip4/127.0.0.1/tcp/0'], privateKey, sync: FAST_SYNC, ...rest },
    {
      clock,
      random: new SimulatedRandom(privateKey.raw[0] ?? 0),
      logger: silentLogger(),
      records,
      chains,
      encrypter: (sink) => new PlainLink(hello, sink, judge),
      gate: gateOf(judge),
      ...(trust === undefined ? {} : { trust }),
      ...(bundles === undefined ? {} : { bundles }),
    },
  )
  await overlay.start()
  t.teardown(() => overlay.stop())
  return { nodeId, overlay, records, chains, address: () => overlay.addresses()[0] ?? '' }
}

async function identityOf(nodeId: string): Promise<{ privateKey: Ed25519PrivateKey; hello: Uint8Array }> {
  const privateKey = await generateKeyPairFromSeed('Ed25519', idOf(utf8(nodeId)))
  const key = publicKeyToProtobuf(privateKey.publicKey)
  return { privateKey, hello: concatBytes(Uint8Array.of(key.length), key, utf8(nodeId)) }
}

/** A started libp2p node that the plain link admits, without an overlay: for peers that misbehave. */
export async function startHost(
  t: { teardown(action: () => Promise<void>): void },
  nodeId: string,
  services: Libp2pOptions['services'] = {},
): Promise<Libp2p> {
  const { privateKey, hello } = await identityOf(nodeId)
  const sink: AdmissionSink = { onAdmitted: () => {}, onRefusal: () => {} }
  const host = await createLibp2p({
    privateKey,
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [() => new PlainLink(hello, sink, () => ({}))],
    streamMuxers: [yamux()],
    services: { identify: identify(), ...services },
  })
  t.teardown(async () => host.stop())
  return host
}

/** A gossip RPC as it stands on a stream: length as an unsigned varint, then protobuf. */
export function rpcFrame(rpc: { subscriptions?: RPC.SubOpts[]; messages?: RPC.Message[] }): Uint8Array {
  const bytes = RPC.encode({ subscriptions: [], messages: [], ...rpc })
  const length: number[] = []
  for (let rest = bytes.length; ; rest = Math.floor(rest / 128)) {
    length.push(rest < 128 ? rest : (rest % 128) + 128)
    if (rest < 128) return concatBytes(Uint8Array.from(length), bytes)
  }
}

/** Waits until `holds` or fails after `timeoutMs`. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, timeoutMs = 8_000): Promise<void> {
  const endMs = Date.now() + timeoutMs
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error(`never: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
