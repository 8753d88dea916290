import type { Libp2p, Stream } from '@libp2p/interface'
import { concatBytes, equalBytes, toHex, uintBytes, uintFromBytes } from '../../../core/index.ts'
import { sha256 } from '../../../crypto/index.ts'
import {
  type ListAnnouncement,
  type Sender,
  TRUST_PROTOCOL,
  type TrustPort,
  type Verdict,
} from '../../../overlay/index.ts'
import { MAX_TRUST_FRAME_BYTES } from '../../../overlay/limits.ts'
import { FrameStream, type RefusalAnswer } from '../../../overlay/streams/index.ts'
import {
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  type TrustAnswer,
  type TrustRequest,
} from '../../../overlay/trust/codec.ts'
import { type NodeSetup, startNode, type TestNode } from '../harness.ts'

const AUTHORITY = new Uint8Array(32).fill(7)

/** A list of these tests: its number in the first four bytes, or fewer when it is shorter. */
export function makeList(number: number, sizeBytes = 1000): Uint8Array {
  const head = Math.min(4, sizeBytes)
  return concatBytes(uintBytes(number, head), new Uint8Array(sizeBytes - head).fill(number))
}

export function announcementOf(list: Uint8Array, changes: Partial<ListAnnouncement> = {}): ListAnnouncement {
  const number = BigInt(uintFromBytes(list.subarray(0, 4)))
  return { authorityKeyId: AUTHORITY, kind: 'full', number, sizeBytes: list.length, hash: sha256(list), ...changes }
}

/** The list side of a node, in memory: of each authority the list with the highest number. */
export class MemoryTrust implements TrustPort {
  held: Uint8Array | undefined
  #announcement: ListAnnouncement | undefined
  key: { epoch: number; key: Uint8Array } | undefined
  wantedEpoch: number | undefined
  readonly received: { list: Uint8Array; from: Sender }[] = []
  asked = 0
  /** May be replaced by a test. */
  judge: (list: Uint8Array) => Promise<Verdict> | Verdict = () => 'accept'
  judgeKey: () => Verdict = () => 'accept'
  onApplied: () => void = () => {}

  get number(): number {
    return this.held === undefined ? 0 : uintFromBytes(this.held.subarray(0, 4))
  }

  apply(list: Uint8Array): void {
    this.held = list
    this.#announcement = announcementOf(list)
    this.onApplied()
  }

  lists(): readonly ListAnnouncement[] {
    return this.#announcement === undefined ? [] : [this.#announcement]
  }

  wants(offered: readonly ListAnnouncement[]): readonly ListAnnouncement[] {
    this.asked += 1
    return offered.filter(({ number }) => number > this.number)
  }

  /** Cut as a store would, in smaller pieces than asked for. */
  async readList(hash: Uint8Array, offset: number, maxBytes: number): Promise<Uint8Array | undefined> {
    if (this.#announcement === undefined || !equalBytes(this.#announcement.hash, hash)) return undefined
    return this.held?.subarray(offset, offset + Math.min(maxBytes, 50_000))
  }

  async receiveList(list: Uint8Array, from: Sender): Promise<Verdict> {
    this.received.push({ list, from })
    const verdict = await this.judge(list)
    if (verdict === 'accept' && uintFromBytes(list.subarray(0, 4)) > this.number) this.apply(list)
    return verdict
  }

  pseudonymKey(epoch: number): Uint8Array | undefined {
    return this.key?.epoch === epoch ? this.key.key : undefined
  }

  async receivePseudonymKey(epoch: number, key: Uint8Array): Promise<Verdict> {
    const verdict = this.judgeKey()
    if (verdict !== 'accept') return verdict
    this.key = { epoch, key }
    this.wantedEpoch = undefined
    return verdict
  }

  wantsPseudonymEpoch(): number | undefined {
    return this.wantedEpoch
  }
}

export interface TrustNode extends TestNode {
  readonly trust: MemoryTrust
}

type Scene = Parameters<typeof startNode>[0]

/** A started node that announces what it applies. */
export async function startTrustNode(
  t: Scene,
  nodeId: string,
  { trust = new MemoryTrust(), ...setup }: Omit<NodeSetup, 'trust'> & { trust?: MemoryTrust } = {},
): Promise<TrustNode> {
  const node = await startNode(t, nodeId, { ...setup, trust })
  trust.onApplied = () => node.overlay.announceLists()
  return { ...node, trust }
}

/** Nodes in a line, each dialling the one before. */
export async function startLine(t: Scene, nodeIds: readonly string[], setup: Omit<NodeSetup, 'trust'> = {}) {
  const line: TrustNode[] = []
  for (const nodeId of nodeIds) {
    const before = line.at(-1)
    const bootstrap = before === undefined ? [] : [before.address()]
    line.push(await startTrustNode(t, nodeId, { ...setup, bootstrap }))
  }
  return line
}

/** What a peer without an overlay answers; undefined for nothing at all. */
export type Answer = (request: TrustRequest) => TrustAnswer | RefusalAnswer | undefined

/** Answers requests on the trust streams that peers open with `host`. */
export async function answerTrust(host: Libp2p, answer: Answer): Promise<void> {
  const serve = async (stream: Stream) => {
    const frames = new FrameStream(stream, MAX_TRUST_FRAME_BYTES)
    for (let frame = await frames.read(); frame !== undefined; frame = await frames.read()) {
      const said = answer(decodeRequest(frame))
      if (said !== undefined) await frames.write(encodeAnswer(said))
    }
    await frames.close()
  }
  await host.handle(TRUST_PROTOCOL, (stream) => void serve(stream).catch(() => {}))
}

/** A trust stream to the only peer of `host`. */
export async function openTrust(host: Libp2p): Promise<FrameStream> {
  const connection = host.getConnections()[0]
  if (connection === undefined) throw new Error('not connected')
  return new FrameStream(await connection.newStream(TRUST_PROTOCOL), MAX_TRUST_FRAME_BYTES)
}

/** Asks on an open stream. */
export async function ask(frames: FrameStream, request: TrustRequest): Promise<TrustAnswer | RefusalAnswer> {
  await frames.write(encodeRequest(request))
  return decodeAnswer((await frames.read()) ?? new Uint8Array(), request.kind)
}

export const nameOf = (list: Uint8Array | undefined) => (list === undefined ? 'none' : toHex(sha256(list)))
