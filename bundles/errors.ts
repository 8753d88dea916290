import { defineErrors } from '../core/index.ts'

/** Errors of the bundles room. The decoding ones name the rule that was broken. */
export const BUNDLES_ERRORS = defineErrors('bundles', {
  BUNDLES_TOO_LARGE: { message: 'the bundle is larger than its cap', action: 'reject' },
  BUNDLES_TOO_MANY_BLOCKS: { message: 'the bundle has more blocks than its cap', action: 'reject' },
  BUNDLES_MALFORMED: {
    message: 'the bytes are not an indefinite-length array of at least two blocks (RFC 9171 §4.1)',
    action: 'reject',
  },
  BUNDLES_NOT_CANONICAL: {
    message: 'the bundle is not in deterministic CBOR (RFC 9171 §4.1, RFC 8949 §4.2.1)',
    action: 'reject',
  },
  BUNDLES_VERSION: { message: 'the bundle is not of version 7 (RFC 9171 §4.3.1)', action: 'reject' },
  BUNDLES_PRIMARY_BLOCK: { message: 'the primary block is malformed (RFC 9171 §4.3.1)', action: 'reject' },
  BUNDLES_FRAGMENT_FIELDS: {
    message:
      'offset and total length are there although the bundle is no fragment, or not although it is one (RFC 9171 §4.3.1)',
    action: 'reject',
  },
  BUNDLES_FRAGMENT_RANGE: {
    message: 'the fragment reaches beyond the whole (RFC 9171 §4.3.1)',
    action: 'ignore',
  },
  BUNDLES_PRIMARY_UNPROTECTED: {
    message: 'the primary block has neither a CRC nor a block integrity block (RFC 9171 §4.3.1)',
    hint: 'The sender does not keep to RFC 9171; bundles.relaxed accepts it.',
    action: 'ignore',
  },
  BUNDLES_CONTROL_FLAGS: {
    message: 'a fragment is flagged as one that must not be fragmented (RFC 9171 §4.2.3)',
    action: 'ignore',
  },
  BUNDLES_ANONYMOUS_FRAGMENTABLE: {
    message: 'a bundle without source is not flagged as one that must not be fragmented (RFC 9171 §4.2.3)',
    action: 'reject',
  },
  BUNDLES_ANONYMOUS_REPORTS: {
    message: 'a bundle without source asks for status reports (RFC 9171 §4.2.3)',
    action: 'reject',
  },
  BUNDLES_ADMINISTRATIVE_REPORTS: {
    message: 'an administrative record asks for status reports (RFC 9171 §4.2.3)',
    action: 'reject',
  },
  BUNDLES_BLOCK: { message: 'a canonical block is malformed (RFC 9171 §4.3.2)', action: 'reject' },
  BUNDLES_BLOCK_FLAGS: {
    message: 'a block of an administrative record or of a bundle without source asks for reports (RFC 9171 §4.2.4)',
    action: 'reject',
  },
  BUNDLES_BLOCK_NUMBER: { message: 'a block number is used twice (RFC 9171 §4.3.2)', action: 'reject' },
  BUNDLES_BLOCK_NUMBER_RESERVED: {
    message: 'a block has the number of the primary block (RFC 9171 §4.1, §4.3.2)',
    action: 'reject',
  },
  BUNDLES_BLOCK_TWICE: { message: 'a block that may occur once occurs twice (RFC 9171 §4.4)', action: 'reject' },
  BUNDLES_PAYLOAD_BLOCK: {
    message: 'the payload block is not the last block (RFC 9171 §4.1)',
    action: 'reject',
  },
  BUNDLES_PAYLOAD_MISSING: { message: 'there is no payload block (RFC 9171 §4.1)', action: 'reject' },
  BUNDLES_PAYLOAD_TWICE: { message: 'there is more than one payload block (RFC 9171 §4.1)', action: 'reject' },
  BUNDLES_PAYLOAD_NUMBER: { message: 'the number of the payload block is not 1 (RFC 9171 §4.3.2)', action: 'reject' },
  BUNDLES_CRC_TYPE: { message: 'the CRC type is unknown (RFC 9171 §4.2.1)', action: 'reject' },
  BUNDLES_CRC: { message: 'the CRC of a block is wrong (RFC 9171 §4.2.1)', action: 'reject' },
  BUNDLES_ENDPOINT: { message: 'an endpoint id is malformed (RFC 9171 §4.2.5.1)', action: 'reject' },
  BUNDLES_ENDPOINT_SCHEME: { message: 'the scheme of an endpoint id is unknown (RFC 9171 §4.2.5.1)', action: 'ignore' },
  BUNDLES_ENDPOINT_DTN: { message: 'a dtn endpoint id is not a dtn URI (RFC 9171 §4.2.5.1.1)', action: 'ignore' },
  BUNDLES_ENDPOINT_IPN: {
    message: 'an ipn endpoint id is malformed or out of range (RFC 9171 §4.2.5.1.2, RFC 9758 §6.1)',
    action: 'reject',
  },
  BUNDLES_PREVIOUS_NODE: { message: 'the previous node block is malformed (RFC 9171 §4.4.1)', action: 'reject' },
  BUNDLES_AGE: { message: 'the bundle age block is malformed (RFC 9171 §4.4.2)', action: 'reject' },
  BUNDLES_AGE_MISSING: {
    message: 'a bundle without creation time needs a bundle age block (RFC 9171 §4.2.7)',
    action: 'ignore',
  },
  BUNDLES_HOP_COUNT: { message: 'the hop count block is malformed (RFC 9171 §4.4.3)', action: 'reject' },
  BUNDLES_HANDLING: { message: 'the handling block is malformed', action: 'reject' },
  BUNDLES_SECURITY_BLOCK: { message: 'a security block is malformed (RFC 9172 §3.6)', action: 'reject' },
  BUNDLES_SECURITY_TARGET: {
    message: 'a security block targets itself, a block twice, or one that is not there (RFC 9172 §3.6)',
    action: 'reject',
  },
  BUNDLES_SECURITY_PRIMARY: { message: 'the primary block is to be encrypted (RFC 9172 §3.8)', action: 'reject' },
  BUNDLES_SECURITY_NESTED: {
    message: 'a security block protects another one that it must not (RFC 9172 §3.7, §3.8)',
    action: 'ignore',
  },
  BUNDLES_SECURITY_TWICE: {
    message: 'one block is protected twice by the same service (RFC 9172 §3.2)',
    action: 'ignore',
  },
  BUNDLES_SECURITY_FLAGS: {
    message: 'a confidentiality block may be dropped by who cannot process it (RFC 9172 §3.8)',
    action: 'ignore',
  },
  BUNDLES_SECURITY_EXPOSED: {
    message: 'an encrypted block has an integrity block in the clear (RFC 9172 §3.9)',
    action: 'ignore',
  },
  BUNDLES_ADMINISTRATIVE_RECORD: { message: 'an administrative record is malformed (RFC 9171 §6.1)', action: 'reject' },
  BUNDLES_STATUS_REPORT: { message: 'a bundle status report is malformed (RFC 9171 §6.1.1)', action: 'reject' },
  BUNDLES_MUST_NOT_FRAGMENT: { message: 'the bundle must not be fragmented (RFC 9171 §4.2.3, §5.8)' },
  BUNDLES_FRAGMENT_TOO_SMALL: { message: 'fragments of this size have no room for payload' },
  BUNDLES_FRAGMENT_OVERLAP: {
    message: 'a fragment overlaps others of the same bundle, or differs from them where it does (RFC 9171 §5.9)',
    action: 'ignore',
  },
  BUNDLES_FRAGMENT_MISMATCH: {
    message: 'fragments of one bundle contradict each other (RFC 9171 §5.8, §5.9)',
    action: 'ignore',
  },
  BUNDLES_FRAGMENTS_MISSING: { message: 'not all of the bundle is there yet (RFC 9171 §5.9)' },
  BUNDLES_TOO_MANY_FRAGMENTS: { message: 'the bundle comes in more fragments than are kept', action: 'ignore' },
  BUNDLES_REASSEMBLY_TOO_LARGE: { message: 'the whole bundle would be larger than its cap', action: 'ignore' },
  BUNDLES_HEAD_TOO_LARGE: { message: 'what comes before the payload is larger than its cap', action: 'reject' },
  BUNDLES_PAYLOAD_TOO_LARGE: { message: 'the payload is larger than its cap', action: 'reject' },
  BUNDLES_PAYLOAD_LENGTH: { message: 'the payload is not as long as the bundle says' },
  BUNDLES_EXPIRED: { message: 'the lifetime of the bundle is over', action: 'ignore' },
  BUNDLES_QUEUE_FULL: {
    message: 'the bundle queue is full',
    hint: 'Raise bundles.max_count or bundles.max_bytes, or open a road that empties it.',
    action: 'ignore',
  },
  BUNDLES_PEER_QUOTA: {
    message: 'bundles of this peer fill its part of the queue',
    hint: 'Raise bundles.peer_percent, or open a road that empties the queue.',
    action: 'ignore',
  },
  BUNDLES_DISK_FULL: {
    message: 'the disk has no room for the bundle',
    hint: 'Free space; the queue goes on by itself.',
    action: 'ignore',
  },
  BUNDLES_BUSY: { message: 'too many changes to the bundle queue wait for each other', action: 'ignore' },
  BUNDLES_NOT_QUEUEABLE: { message: 'the bundle is larger than the queue takes', action: 'ignore' },
  BUNDLES_DAMAGED: {
    message: 'the bundle queue on disk is damaged',
    hint: 'Run: gapmesh doctor --home DIR',
  },
  BUNDLES_CLOSED: { message: 'the bundle queue is closed' },
  BUNDLES_LINK_ADDRESS: {
    message: 'the address of a bundle link is malformed',
    hint: 'Write HOST:PORT, or ENDPOINT@HOST:PORT; for a directory PATH, or ENDPOINT@PATH.',
  },
  BUNDLES_LINK_FAILED: { message: 'no bundle link could be made' },
  BUNDLES_LINK_REFUSED: { message: 'the far end refused the bundle link' },
  BUNDLES_LINK_CLOSED: { message: 'the bundle link is closed' },
  BUNDLES_LINK_TIMEOUT: { message: 'the far end of a bundle link was too slow' },
  BUNDLES_LINK_MALFORMED: { message: 'a message on a bundle link is malformed', action: 'reject' },
  BUNDLES_LINK_UNEXPECTED: { message: 'a message on a bundle link is out of place', action: 'reject' },
  BUNDLES_LINK_VERSION: { message: 'the far end of a bundle link speaks another version', action: 'reject' },
  BUNDLES_LINK_TLS: { message: 'TLS on a bundle link failed, or one side asks for it and the other does not have it' },
  BUNDLES_LINK_IDENTITY: { message: 'the far end of a bundle link is not who it says it is', action: 'reject' },
  BUNDLES_LINK_ONE_WAY: { message: 'nothing can be sent on a bundle link that only receives' },
})
