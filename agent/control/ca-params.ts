import { REVOKE_REASONS } from '../../enrollment/crl/index.ts'
import { MAX_LISTED_RECORDS, MAX_TOKEN_VALID_MS } from '../limits.ts'
import type { CaControlMethods, CaControlStreams } from './ca-messages.ts'
import {
  base64,
  exactly,
  LABEL,
  listOf,
  matching,
  NOTHING,
  oneOf,
  orNull,
  type Shape,
  TIME,
  TRUTH,
  text,
  whole,
} from './rules.ts'

const SERIAL = matching(/^(?:[0-9a-f]{2}){1,20}$/, 'a serial number in hexadecimal')
const KEY_ID = matching(/^[0-9a-f]{64}$/, 'a key id of 64 hexadecimal digits')
const LIST_DER = base64(16 * 1024 * 1024)
const WORD = matching(/^[\x21-\x7e]{1,63}$/, 'a word of 1 to 63 visible ASCII characters')
/** The last second that a certificate can name. */
const LAST_TIME_MS = Date.UTC(10_000, 0) - 1000
const ATTESTATION = oneOf('none', 'required')

// Bounds that matter are checked again where they belong: in the CA.
const POLICY = exactly({
  allow: orNull(listOf(LABEL, 10_000)),
  maxNodes: orNull(TIME),
  namePattern: orNull(text(63)),
  attestation: ATTESTATION,
  revokeOnRemoval: TRUTH,
  leafLifetimeMs: TIME,
  graceMs: TIME,
  graceCount: TIME,
})

/** What each request to a CA takes. */
export const CA_SHAPES: Readonly<Record<keyof CaControlMethods | keyof CaControlStreams, Shape>> = {
  'ca.status': NOTHING,
  'ca.token': {
    required: { validForMs: whole(1, MAX_TOKEN_VALID_MS) },
    optional: {
      nodeId: LABEL,
      uses: whole(1, 1000),
      roles: listOf(oneOf('node', 'validator'), 2),
      labels: listOf(WORD, 16),
      attestation: ATTESTATION,
    },
  },
  'ca.revoke': {
    required: {},
    optional: {
      serialNumber: SERIAL,
      nodeId: LABEL,
      operator: LABEL,
      reason: oneOf(...REVOKE_REASONS),
      invalidityMs: whole(0, LAST_TIME_MS),
    },
  },
  'ca.policy': NOTHING,
  'ca.setPolicy': { required: { policy: POLICY }, optional: {} },
  'ca.addOperator': { required: { name: LABEL, csr: base64(16 * 1024) }, optional: { validForMs: TIME } },
  'ca.approve': NOTHING,
  'ca.rekey': NOTHING,
  'ca.signIssuing': { required: { request: base64(96 * 1024) }, optional: {} },
  'ca.restored': { required: { lists: listOf(LIST_DER, 16) }, optional: {} },
  'ca.verifyAudit': NOTHING,
  'ca.root': NOTHING,
  'ca.list': {
    required: {},
    optional: { kind: oneOf('node', 'operator', 'issuing'), state: oneOf('live', 'expired', 'revoked') },
  },
  'ca.audit': { required: {}, optional: { limit: whole(1, MAX_LISTED_RECORDS) } },
  'ca.exportAudit': NOTHING,
  'crl.status': NOTHING,
  'crl.import': { required: { der: LIST_DER }, optional: {} },
  'crl.read': { required: { kind: oneOf('full', 'delta') }, optional: { authority: KEY_ID } },
}
