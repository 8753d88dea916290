/**
 * BPv7 (RFC 9171) on the wire: bundles as plain values, bytes in and out, every rule checked. No I/O, no clock.
 */
export {
  type AdministrativeRecord,
  decodeAdministrativeRecord,
  encodeAdministrativeRecord,
  REPORT_REASONS,
  type StatusAssertion,
  type StatusReport,
} from './administrative.ts'
export { type Bundle, bundleAgeMs, bundleId, hopCountOf, payloadOf, previousNodeOf } from './bundle.ts'
export { BLOCK_TYPES, type BlockHeader, type CanonicalBlock } from './canonical.ts'
export { type CrcType, crc16, crc32c } from './crc.ts'
export {
  type EndpointId,
  endpointKey,
  type IpnNumbers,
  ipnEndpoint,
  ipnNumbers,
  isDtnUri,
  isGroup,
  isNullEndpoint,
  isSingleton,
  NULL_ENDPOINT,
  nodeOf,
  sameEndpoint,
} from './endpoint.ts'
export { decodeEndpoint, encodeEndpoint } from './endpoint-cbor.ts'
export {
  decodeBundleAge,
  decodeHopCount,
  decodePreviousNode,
  encodeBundleAge,
  encodeHopCount,
  encodePreviousNode,
  type HopCount,
} from './extension.ts'
export { BLOCK_FLAGS, BUNDLE_FLAGS, flagNames, hasFlag } from './flags.ts'
export { decodeBundle, encodeBundle, sizeOfBundle } from './frame.ts'
export { decodeHandling, encodeHandling, HANDLING_BLOCK, type HandlingBlock } from './handling.ts'
export {
  type BundleHead,
  encodeBundleHead,
  encodeBundleTail,
  type PayloadHeader,
  type PayloadProgress,
  passPayload,
} from './head.ts'
export { BundleStreamReader, type HeadFound } from './head-reader.ts'
export type { BundlePolicy, BundleRules } from './policy.ts'
export { type CreationTimestamp, DTN_EPOCH_MS, type FragmentPlace, type PrimaryBlock } from './primary.ts'
export { findSecurity, type ReadSecurityBlock, type SecurityFindings } from './rules.ts'
export { decodeSecurityBlock, encodeSecurityBlock, type SecurityBlock, type SecurityValue } from './security.ts'
