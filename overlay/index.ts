/**
 * The mesh between nodes that are connected now: libp2p over post-quantum links, gossip, catch-up, discovery.
 *
 * In: own records and chain heads, once they are stored; whatever peers send. Out: everything received goes through the
 * ports of `ports.ts`, which the composition root implements, and their verdict decides what is passed on. The link
 * (`link/`) admits peers, gossip (`gossip/`) is live only, catch-up (`sync/`) makes every node end with every live
 * record, discovery (`discovery/`) finds peers and dials lost ones again.
 */
export type { Admission, AdmissionSink, EncrypterFactory, Refusal } from './admission.ts'
export { OVERLAY_ERRORS } from './errors.ts'
export {
  LINK_PROTOCOL,
  type LinkCredentials,
  type LinkFailure,
  type LinkLevel,
  linkFailure,
  MeshTls,
  type MeshTlsDependencies,
  type MeshTlsOptions,
} from './link/index.ts'
export type { OverlayGossipOptions, OverlayOptions, OverlaySyncOptions } from './options.ts'
export {
  createOverlay,
  type Overlay,
  type OverlayDependencies,
  type OverlayEvents,
  type OverlayState,
  type PeerInfo,
} from './overlay.ts'
export type {
  BucketDigest,
  ChainHead,
  ChainPlace,
  ChainPort,
  ChainWant,
  IdPage,
  LearnedHead,
  PeerGate,
  PrefixDigest,
  RecordPort,
  Sender,
  Verdict,
} from './ports.ts'
export { SYNC_PROTOCOL } from './sync/index.ts'
