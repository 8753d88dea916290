/**
 * The mesh between nodes that are connected now: libp2p over post-quantum links, gossip, catch-up, discovery.
 *
 * In: own records and chain heads, once they are stored; whatever peers send. Out: everything received goes through the
 * ports of `ports.ts`, which the composition root implements, and their verdict decides what is passed on. The link
 * (`link/`) admits peers, gossip (`gossip/`) is live only, catch-up (`sync/`) makes every node end with every live
 * record, the trust stream (`trust/`) carries revocation lists, directives and keys ahead of both, bundles go from peer to
 * peer on streams of their own (`bundles/`), discovery
 * (`discovery/`) finds peers and dials lost ones again.
 */

export type { Admission, AdmissionSink, EncrypterFactory, QuicFactory, QuicLink, Refusal } from './admission.ts'
export { BUNDLES_PROTOCOL } from './bundles/index.ts'
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
export { MeshQuic } from './link/quic/index.ts'
export type { OverlayGossipOptions, OverlayOptions, OverlaySyncOptions } from './options.ts'
export { createOverlay } from './overlay.ts'
export type {
  BucketDigest,
  BundlePort,
  ChainHead,
  ChainPlace,
  ChainPort,
  ChainWant,
  IdPage,
  LearnedHead,
  ListAnnouncement,
  PeerGate,
  PrefixDigest,
  RecordPort,
  Sender,
  TrustPort,
  Verdict,
} from './ports.ts'
export { SYNC_PROTOCOL } from './sync/index.ts'
export { type PeerList, TRUST_PROTOCOL, type TrustCounters } from './trust/index.ts'
export type {
  Overlay,
  OverlayDependencies,
  OverlayEvents,
  OverlayState,
  PeerInfo,
} from './types.ts'
export type {
  AdmittedVerdict,
  Capabilities,
  CapabilityOptions,
  Judgement,
  Opinion,
  PeerVerdict,
  Standing,
} from './verdicts.ts'
