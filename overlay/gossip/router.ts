import { hash } from 'node:crypto'
import {
  type GossipSub,
  type GossipsubOpts,
  gossipsub,
  StrictNoSign,
  type TopicValidatorResult,
} from '@libp2p/gossipsub'
import type { PeerScoreParams, TopicScoreParams } from '@libp2p/gossipsub/score'
import {
  MAX_GOSSIP_ANSWER_BYTES,
  MAX_GOSSIP_BACKLOG_BYTES,
  MAX_GOSSIP_OFFERS,
  MAX_GOSSIP_RPC_BYTES,
  MAX_MESSAGE_CACHE_BYTES,
} from '../limits.ts'
import { BoundedMessageCache } from './message-cache.ts'

/** How wide gossip spreads: gossipsub's D, D_lo, D_hi and D_lazy. */
export interface FanOut {
  readonly degree: number
  readonly degreeLow: number
  readonly degreeHigh: number
  readonly degreeLazy: number
  /** Own records go to all peers at once, not only to the mesh. */
  readonly floodPublish: boolean
}

/** The parts of gossipsub that the overlay uses; its published interface leaves out the verdict. */
export interface GossipRouter extends GossipSub {
  reportMessageValidationResult(msgId: string, source: string, acceptance: TopicValidatorResult): void
  getScore(peer: string): number
}

export interface RouterOptions {
  readonly topics: readonly string[]
  readonly fanOut: FanOut
  /** False for a peer that is not to be sent records. */
  mayReceive(peerKey: string): boolean
}

const HEARTBEATS_KEPT = 5
const HEARTBEATS_OFFERED = 3

/** Below 0 a peer leaves the mesh; then, by rejected messages remembered: 4 no offers, 8 no own records, 14 nothing is read. */
const SCORE_THRESHOLDS = {
  gossipThreshold: -160,
  publishThreshold: -640,
  graylistThreshold: -1960,
  acceptPXThreshold: Number.MAX_SAFE_INTEGER,
  opportunisticGraftThreshold: 0,
}

/** Too low for the mesh, offers and publishing, and still heard. */
const UNSERVED_SCORE = -1_000

/** Only a message that every node refuses counts: peers are admitted, and several may share an address. */
const TOPIC_SCORE: TopicScoreParams = {
  topicWeight: 1,
  timeInMeshWeight: 0,
  timeInMeshQuantum: 1,
  timeInMeshCap: 1,
  firstMessageDeliveriesWeight: 0,
  firstMessageDeliveriesDecay: 0.5,
  firstMessageDeliveriesCap: 1,
  meshMessageDeliveriesWeight: 0,
  meshMessageDeliveriesDecay: 0.5,
  meshMessageDeliveriesCap: 1,
  meshMessageDeliveriesThreshold: 1,
  meshMessageDeliveriesWindow: 10,
  meshMessageDeliveriesActivation: 1000,
  meshFailurePenaltyWeight: 0,
  meshFailurePenaltyDecay: 0.5,
  invalidMessageDeliveriesWeight: -10,
  invalidMessageDeliveriesDecay: 0.995,
}

/** The cache and the factory of a node's gossipsub. Payload caps and verdicts are the caller's. */
export function createRouter(options: RouterOptions): {
  cache: BoundedMessageCache
  factory: ReturnType<typeof gossipsub>
} {
  const cache = new BoundedMessageCache({
    heartbeats: HEARTBEATS_KEPT,
    offeredHeartbeats: HEARTBEATS_OFFERED,
    maxBytes: MAX_MESSAGE_CACHE_BYTES,
    maxOffers: MAX_GOSSIP_OFFERS,
    maxAnswerBytes: MAX_GOSSIP_ANSWER_BYTES,
  })
  return { cache, factory: gossipsub(routerOptions(options, cache)) }
}

function routerOptions(options: RouterOptions, cache: BoundedMessageCache): Partial<GossipsubOpts> {
  return {
    globalSignaturePolicy: StrictNoSign,
    asyncValidation: true,
    msgIdFn: (message) => messageId(message.data),
    msgIdToStrFn: (id) => Buffer.from(id.buffer, id.byteOffset, id.length).toString('latin1'),
    messageCache: cache as unknown as NonNullable<GossipsubOpts['messageCache']>,
    mcacheLength: HEARTBEATS_KEPT,
    mcacheGossip: HEARTBEATS_OFFERED,
    D: options.fanOut.degree,
    Dlo: options.fanOut.degreeLow,
    Dhi: options.fanOut.degreeHigh,
    Dlazy: options.fanOut.degreeLazy,
    Dscore: Math.min(options.fanOut.degreeLow, 4),
    Dout: Math.min(Math.floor(options.fanOut.degree / 2), options.fanOut.degreeLow - 1),
    floodPublish: options.fanOut.floodPublish,
    batchPublish: true,
    fallbackToFloodsub: false,
    allowPublishToZeroTopicPeers: true,
    allowedTopics: new Set(options.topics),
    doPX: false,
    maxInboundDataLength: MAX_GOSSIP_RPC_BYTES,
    maxOutboundBufferSize: MAX_GOSSIP_BACKLOG_BYTES,
    maxInboundStreams: 4,
    maxOutboundStreams: 4,
    decodeRpcLimits: DECODE_LIMITS,
    scoreParams: scoreParams(options),
    scoreThresholds: SCORE_THRESHOLDS,
  }
}

const DECODE_LIMITS = {
  maxSubscriptions: 64,
  maxMessages: 5000,
  maxIhaveMessageIDs: 5000,
  maxIwantMessageIDs: 5000,
  maxIdontwantMessageIDs: 512,
  maxControlMessages: 512,
  maxPeerInfos: 0,
}

function scoreParams({ topics, mayReceive }: RouterOptions): Partial<PeerScoreParams> {
  return {
    topics: Object.fromEntries(topics.map((topic) => [topic, TOPIC_SCORE])),
    IPColocationFactorWeight: 0,
    behaviourPenaltyWeight: 0,
    appSpecificScore: (peerKey) => (mayReceive(peerKey) ? 0 : UNSERVED_SCORE),
    appSpecificWeight: 1,
  }
}

function messageId(data: Uint8Array): Uint8Array {
  return hash('sha256', data, 'buffer')
}
