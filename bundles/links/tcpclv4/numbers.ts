/** Numbers of TCPCLv4 (RFC 9174); the wire's, so they never change. */

/** Message types (RFC 9174 §4.5). */
export const MESSAGE = Object.freeze({
  segment: 0x01,
  ack: 0x02,
  refuse: 0x03,
  keepalive: 0x04,
  terminate: 0x05,
  reject: 0x06,
  init: 0x07,
})

/** Why a transfer is refused (RFC 9174 §5.2.4). */
export const REFUSE = Object.freeze({
  unknown: 0x00,
  completed: 0x01,
  noResources: 0x02,
  retransmit: 0x03,
  notAcceptable: 0x04,
  extensionFailure: 0x05,
  sessionTerminating: 0x06,
})

/** Why a session ends (RFC 9174 §6.1). */
export const TERMINATE = Object.freeze({
  unknown: 0x00,
  idleTimeout: 0x01,
  versionMismatch: 0x02,
  busy: 0x03,
  contactFailure: 0x04,
  resourceExhaustion: 0x05,
})

/** Why a message is rejected (RFC 9174 §5.1.2). */
export const REJECT = Object.freeze({ typeUnknown: 0x01, unsupported: 0x02, unexpected: 0x03 })

/** Flags of a transfer's segments and of their acknowledgements (RFC 9174 §5.2.2). */
export const SEGMENT_FLAG = Object.freeze({ end: 0x01, start: 0x02 })

/** Of an extension item: whoever does not know it must not go on (RFC 9174 §4.8, §5.2.5). */
export const CRITICAL = 0x01

/** Transfer extension item with the length of the whole bundle (RFC 9174 §5.2.5.1). */
export const TRANSFER_LENGTH = 0x0001
