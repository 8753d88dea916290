/**
 * BPv7 (RFC 9171) on the wire: bundles as plain values, bytes in and out, every rule checked. No I/O, no clock.
 */
export { type Bundle, bundleAgeMs, bundleId, hopCountOf, payloadOf, previousNodeOf } from './bundle.ts'
export { BLOCK_FLAGS, BLOCK_TYPES, type CanonicalBlock } from './canonical.ts'
export { type CrcType, crc16, crc32c } from './crc.ts'
export { type EndpointId, endpointFromCbor, endpointToCbor, isGroup, NULL_ENDPOINT, nodeOf } from './endpoint.ts'
export { encodeBundleAge, encodeHopCount, encodePreviousNode, type HopCount } from './extension.ts'
export { decodeBundle, encodeBundle } from './frame.ts'
export { decodeHandling, encodeHandling, HANDLING_BLOCK, type HandlingBlock } from './handling.ts'
export { BUNDLE_FLAGS, type CreationTimestamp, DTN_EPOCH_MS, hasFlag, type PrimaryBlock } from './primary.ts'
export type { BundleRules } from './rules.ts'
export { decodeSecurityFrame, type SecurityFrame } from './security.ts'
