import { defineErrors } from '../core/index.ts'

/** Errors of the bundles room. The decoding ones name the rule that was broken. */
export const BUNDLES_ERRORS = defineErrors('bundles', {
  BUNDLES_TOO_LARGE: { message: 'the bundle is larger than its cap', action: 'reject' },
  BUNDLES_TOO_MANY_BLOCKS: { message: 'the bundle has more blocks than its cap', action: 'reject' },
  BUNDLES_MALFORMED: {
    message: 'the bytes are not an indefinite-length array of at least two blocks (RFC 9171 §4.1)',
    action: 'reject',
  },
  BUNDLES_VERSION: { message: 'the bundle is not of version 7 (RFC 9171 §4.3.1)', action: 'reject' },
  BUNDLES_PRIMARY_BLOCK: { message: 'the primary block is malformed (RFC 9171 §4.3.1)', action: 'reject' },
  BUNDLES_PRIMARY_UNPROTECTED: {
    message: 'the primary block has neither a CRC nor a block integrity block (RFC 9171 §4.3.1)',
    hint: 'The sender does not keep to RFC 9171; bundles.relaxed accepts it.',
    action: 'ignore',
  },
  BUNDLES_CONTROL_FLAGS: { message: 'the control flags contradict the bundle (RFC 9171 §4.2.3)', action: 'reject' },
  BUNDLES_BLOCK: { message: 'a canonical block is malformed (RFC 9171 §4.3.2)', action: 'reject' },
  BUNDLES_BLOCK_FLAGS: { message: 'the flags of a block contradict the bundle (RFC 9171 §4.2.4)', action: 'reject' },
  BUNDLES_BLOCK_NUMBER: { message: 'a block number is reserved or used twice (RFC 9171 §4.3.2)', action: 'reject' },
  BUNDLES_BLOCK_TWICE: { message: 'a block that may occur once occurs twice (RFC 9171 §4.4)', action: 'reject' },
  BUNDLES_PAYLOAD_BLOCK: {
    message: 'the payload block is not the last block, number 1, exactly once (RFC 9171 §4.3.3)',
    action: 'reject',
  },
  BUNDLES_CRC_TYPE: { message: 'the CRC type is unknown (RFC 9171 §4.2.1)', action: 'reject' },
  BUNDLES_CRC: { message: 'the CRC of a block is wrong (RFC 9171 §4.2.1)', action: 'reject' },
  BUNDLES_ENDPOINT: { message: 'an endpoint id is malformed (RFC 9171 §4.2.5)', action: 'reject' },
  BUNDLES_PREVIOUS_NODE: { message: 'the previous node block is malformed (RFC 9171 §4.4.1)', action: 'reject' },
  BUNDLES_AGE: { message: 'the bundle age block is malformed (RFC 9171 §4.4.2)', action: 'reject' },
  BUNDLES_AGE_MISSING: {
    message: 'a bundle without creation time needs a bundle age block (RFC 9171 §4.2.7)',
    action: 'reject',
  },
  BUNDLES_HOP_COUNT: { message: 'the hop count block is malformed (RFC 9171 §4.4.3)', action: 'reject' },
  BUNDLES_SECURITY_BLOCK: { message: 'a security block is malformed (RFC 9172 §3.6)', action: 'reject' },
  BUNDLES_EXPIRED: { message: 'the lifetime of the bundle is over', action: 'ignore' },
  BUNDLES_QUEUE_FULL: {
    message: 'the bundle queue is full',
    hint: 'Raise bundles.maxBundles or bundles.maxBytes, or open a road that empties it.',
    action: 'ignore',
  },
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
