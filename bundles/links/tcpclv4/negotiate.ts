import { type EndpointId, NULL_ENDPOINT } from '../../codec/index.ts'
import { BUNDLES_ERRORS } from '../../errors.ts'
import { type ContactHeader, TCPCL_VERSION } from './messages/contact-header.ts'
import type { SessionInit } from './messages/session-init.ts'
import { TERMINATE } from './numbers.ts'
import type { SessionSettings, TlsPolicy } from './options.ts'

/** Why a session does not come about: what the peer is told, and what our side is. */
export interface Refusal {
  readonly reason: number
  readonly error: Error
}

/** What both sides agreed on. */
export interface Agreement {
  readonly peer: EndpointId
  /** 0: none. */
  readonly keepaliveMs: number
  /** Most data in a segment to the peer. */
  readonly segmentBytes: number
  /** Longest bundle that the peer takes. */
  readonly maxBundleBytes: number
}

/** Whether TLS follows the contact headers (RFC 9174 §4.3). */
export function agreeOnTls(policy: TlsPolicy, theirs: ContactHeader): boolean | Refusal {
  if (theirs.version !== TCPCL_VERSION) {
    return { reason: TERMINATE.versionMismatch, error: BUNDLES_ERRORS.create('BUNDLES_LINK_VERSION') }
  }
  const tls = policy !== 'refused' && theirs.canTls
  if (!tls && policy === 'required') {
    return { reason: TERMINATE.contactFailure, error: BUNDLES_ERRORS.create('BUNDLES_LINK_TLS') }
  }
  return tls
}

/** What is known of the peer beside what it says. */
export interface Known {
  /** Proven by its certificate; undefined without TLS. */
  readonly proven: EndpointId | undefined
  /** Whom the dialler wants; undefined: whoever answers. */
  readonly expected: EndpointId | undefined
}

/** The parameters of a session by what both sides want (RFC 9174 §4.7), or why there is none. */
export function agreeOnSession(ours: SessionSettings, theirs: SessionInit, known: Known): Agreement | Refusal {
  if (theirs.extensions.some(({ critical }) => critical)) {
    return { reason: TERMINATE.contactFailure, error: BUNDLES_ERRORS.create('BUNDLES_LINK_UNEXPECTED') }
  }
  const peer = nodeEndpoint(theirs.nodeId)
  const wanted = [known.proven, known.expected].filter((endpoint) => endpoint !== undefined)
  if (peer === undefined || wanted.some((endpoint) => endpoint !== peer)) {
    return { reason: TERMINATE.contactFailure, error: BUNDLES_ERRORS.create('BUNDLES_LINK_IDENTITY') }
  }
  if (theirs.segmentMru === 0 || theirs.transferMru === 0) {
    return { reason: TERMINATE.contactFailure, error: BUNDLES_ERRORS.create('BUNDLES_LINK_MALFORMED') }
  }
  return {
    peer,
    keepaliveMs: Math.min(ours.keepaliveS, theirs.keepaliveS) * 1000,
    segmentBytes: Math.min(ours.segmentBytes, theirs.segmentMru),
    maxBundleBytes: theirs.transferMru,
  }
}

/** A node id as an endpoint id, where it is one. An empty one says nothing and is nobody's (RFC 9174 §4.6). */
function nodeEndpoint(nodeId: string): EndpointId | undefined {
  if (nodeId === '') return NULL_ENDPOINT
  if (!/^(dtn:\/\/|ipn:)[\x21-\x7e]+$/.test(nodeId)) return undefined
  return nodeId
}
