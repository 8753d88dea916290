import { REVOKE_REASONS } from './crl/index.ts'
import { type JsonSchema, objectOf } from './json-schema.ts'
import {
  MAX_ADDRESS_CHARACTERS,
  MAX_ADDRESSES,
  MAX_ALLOWED_NODES,
  MAX_ATTESTATION_CHARACTERS,
  MAX_CSR_CHARACTERS,
  MAX_GOSSIP_FANOUT,
  MAX_GRACE_COUNT,
  MAX_GRACE_MS,
  MAX_LABEL_CHARACTERS,
  MAX_LABELS,
  MAX_LEAF_LIFETIME_MS,
  MAX_PEM_CHARACTERS,
  MAX_TOKEN_CHARACTERS,
  MAX_TOKEN_LIFETIME_MS,
  MAX_TOKEN_USES,
  MAX_URL_CHARACTERS,
  MIN_LEAF_LIFETIME_MS,
} from './limits.ts'

/** What the bodies of the enrolment API look like: checked by `flawIn` on both ends, published as OpenAPI. */

const text = (maxLength: number, description?: string): JsonSchema => ({
  type: 'string',
  maxLength,
  ...(description !== undefined && { description }),
})
const whole = (minimum: number, maximum: number): JsonSchema => ({ type: 'integer', minimum, maximum })
const oneOf = (...values: readonly string[]): JsonSchema => ({ type: 'string', maxLength: 64, enum: values })
const listOf = (items: JsonSchema, maxItems: number): JsonSchema => ({ type: 'array', items, maxItems })
const orNull = (schema: JsonSchema): JsonSchema => ({ anyOf: [schema, { type: 'null' }] })

const label: JsonSchema = {
  type: 'string',
  maxLength: 63,
  pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$',
  description: 'DNS label',
}
const serial: JsonSchema = {
  type: 'string',
  maxLength: 40,
  pattern: '^(?:[0-9a-f]{2}){1,20}$',
  description: 'serial number in lower-case hexadecimal',
}
const time: JsonSchema = {
  type: 'string',
  maxLength: 24,
  pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]{3})?Z$',
  format: 'date-time',
}
const csr = text(MAX_CSR_CHARACTERS, 'PKCS#10 in PEM, or DER in base64')
const certificate = text(MAX_PEM_CHARACTERS, 'PEM, leaf first, without the root')
const attestation = objectOf({ type: text(64), payload: text(MAX_ATTESTATION_CHARACTERS) })
const key: JsonSchema = { type: 'string', maxLength: 43, pattern: '^[A-Za-z0-9_-]{43}$', description: 'base64url' }
const pseudonym = objectOf({ epoch: whole(1, Number.MAX_SAFE_INTEGER), key })
const addresses = listOf(text(MAX_ADDRESS_CHARACTERS, 'multiaddress'), MAX_ADDRESSES)

/** Bodies by name, as they are called in the OpenAPI document. */
export const WIRE = {
  EnrollRequest: objectOf({ token: text(MAX_TOKEN_CHARACTERS), csr, node_id: label, attestation, addresses }, [
    'node_id',
    'attestation',
    'addresses',
  ]),
  EnrollAnswer: objectOf({
    certificate,
    ca_cert: text(MAX_PEM_CHARACTERS, 'the root of the mesh, PEM'),
    config: objectOf({
      bootstrap_peers: addresses,
      gossip_fanout: whole(1, MAX_GOSSIP_FANOUT),
      crl_url: { type: 'string', maxLength: MAX_URL_CHARACTERS, pattern: '^https://', format: 'uri' },
      policy: oneOf('classical-only', 'hybrid', 'quantum-only'),
      pseudonym,
    }),
  }),
  ChallengeAnswer: attestation,
  RotateRequest: objectOf({ csr, current_cert_serial: serial, attestation }, ['attestation']),
  RotateAnswer: objectOf(
    {
      certificate,
      valid_not_before: time,
      valid_not_after: time,
      grace: objectOf({ used: whole(0, MAX_GRACE_COUNT), left: whole(0, MAX_GRACE_COUNT) }),
    },
    ['grace'],
  ),
  RevokeRequest: objectOf(
    { serial, node_id: label, operator: label, reason: oneOf(...REVOKE_REASONS), invalid_since: time },
    ['serial', 'node_id', 'operator', 'reason', 'invalid_since'],
  ),
  Pseudonym: pseudonym,
  TokenRequest: objectOf(
    {
      node_id: label,
      roles: listOf(oneOf('node', 'validator'), 2),
      uses: whole(1, MAX_TOKEN_USES),
      lifetime_ms: whole(1, MAX_TOKEN_LIFETIME_MS),
      labels: listOf({ type: 'string', maxLength: MAX_LABEL_CHARACTERS, pattern: '^[\\x21-\\x7e]+$' }, MAX_LABELS),
      attestation: oneOf('none', 'required'),
    },
    ['node_id', 'roles', 'uses', 'lifetime_ms', 'labels', 'attestation'],
  ),
  TokenAnswer: objectOf({ token: text(MAX_TOKEN_CHARACTERS), expires_at: time }),
  Policy: objectOf({
    allow: orNull(listOf(label, MAX_ALLOWED_NODES)),
    max_nodes: orNull(whole(0, Number.MAX_SAFE_INTEGER)),
    name_pattern: orNull({ type: 'string', maxLength: 63, pattern: '^[a-z0-9*?-]{1,63}$' }),
    attestation: oneOf('none', 'required'),
    revoke_on_removal: { type: 'boolean' },
    leaf_lifetime_ms: whole(MIN_LEAF_LIFETIME_MS, MAX_LEAF_LIFETIME_MS),
    grace_ms: whole(0, MAX_GRACE_MS),
    grace_count: whole(0, MAX_GRACE_COUNT),
  }),
  RootApprovals: objectOf({ approved_by: listOf(label, 64), needed: whole(0, 64) }),
  Nothing: objectOf({}),
  Problem: objectOf({ type: text(128), title: text(128), status: whole(400, 599) }),
} as const satisfies Record<string, JsonSchema>

/** Name of a body of the enrolment API. */
export type WireName = keyof typeof WIRE
