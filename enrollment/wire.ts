import { isDnsLabel } from '../core/index.ts'
import type { SignaturePolicy } from '../crypto/index.ts'
import { MAX_CHAIN_LENGTH } from '../records/path/index.ts'
import { isAddressList } from './addresses.ts'
import { ENROLLMENT_ERRORS } from './errors.ts'
import { MAX_GOSSIP_FANOUT, MAX_TOKEN_CHARACTERS, MAX_URL_CHARACTERS } from './limits.ts'
import { decodePem, encodePem } from './pem.ts'
import type { EnrollmentAnswer, EnrollmentRequest, MeshConfig } from './types.ts'

/**
 * JSON of `POST /v1/enroll`.
 *
 *     request  { token, csr: PEM, node_id?, addresses?: [multiaddress] }
 *     answer   { certificate: PEM (leaf first, without the root), ca_cert: PEM,
 *                config: { bootstrap_peers, gossip_fanout, crl_url, policy, pseudonym: { epoch, key: base64url } } }
 *
 * Unknown members are refused both ways.
 */

const CSR_LABEL = 'CERTIFICATE REQUEST'
const CERTIFICATE_LABEL = 'CERTIFICATE'

type Json = Record<string, unknown>

/** JSON text of a request. */
export function encodeRequest(request: EnrollmentRequest): string {
  const { token, csr, nodeId, addresses } = request
  return JSON.stringify({
    token,
    csr: encodePem(CSR_LABEL, csr),
    ...(nodeId === undefined ? {} : { node_id: nodeId }),
    ...(addresses.length === 0 ? {} : { addresses }),
  })
}

/**
 * The request in parsed JSON.
 * @throws ENROLLMENT_REQUEST_MALFORMED naming the member, ENROLLMENT_PEM
 */
export function readRequest(json: unknown): EnrollmentRequest {
  const malformed = (detail: string) => ENROLLMENT_ERRORS.create('ENROLLMENT_REQUEST_MALFORMED', { detail })
  const object = members(json, { required: ['token', 'csr'], optional: ['node_id', 'addresses'] })
  if (object === undefined) throw malformed('members')
  const { token, csr, node_id: nodeId, addresses = [] } = object
  if (typeof token !== 'string' || token.length > MAX_TOKEN_CHARACTERS) throw malformed('token')
  if (typeof csr !== 'string') throw malformed('csr')
  if (nodeId !== undefined && !(typeof nodeId === 'string' && isDnsLabel(nodeId))) throw malformed('node_id')
  if (!isAddressList(addresses)) throw malformed('addresses')
  const [der = new Uint8Array()] = decodePem(csr, { label: CSR_LABEL, maxBlocks: 1 })
  return { token, csr: der, nodeId, addresses }
}

/** JSON value of an answer. */
export function encodeAnswer({ chain, config }: EnrollmentAnswer): Json {
  const pem = chain.map((der) => encodePem(CERTIFICATE_LABEL, der))
  return {
    certificate: pem.slice(0, -1).join(''),
    ca_cert: pem.at(-1),
    config: {
      bootstrap_peers: config.bootstrapPeers,
      gossip_fanout: config.gossipFanout,
      crl_url: config.crlUrl,
      policy: config.signaturePolicy,
      pseudonym: { epoch: config.pseudonym.epoch, key: Buffer.from(config.pseudonym.key).toString('base64url') },
    },
  }
}

/**
 * The answer in JSON text.
 * @throws ENROLLMENT_ANSWER_MALFORMED
 */
export function readAnswer(text: string): EnrollmentAnswer {
  try {
    const object = members(JSON.parse(text), { required: ['certificate', 'ca_cert', 'config'] })
    const chain = certificates(object?.certificate, MAX_CHAIN_LENGTH - 1)
    return { chain: [...chain, ...certificates(object?.ca_cert, 1)], config: readConfig(object?.config) }
  } catch (cause) {
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_ANSWER_MALFORMED', { cause })
  }
}

function certificates(pem: unknown, maxBlocks: number): Uint8Array[] {
  if (typeof pem !== 'string') throw new RangeError('a certificate is missing')
  return decodePem(pem, { label: CERTIFICATE_LABEL, maxBlocks })
}

const POLICIES: readonly SignaturePolicy[] = ['classical-only', 'hybrid', 'quantum-only']

function readConfig(json: unknown): MeshConfig {
  const config = members(json, {
    required: ['bootstrap_peers', 'gossip_fanout', 'crl_url', 'policy', 'pseudonym'],
  })
  const pseudonym = members(config?.pseudonym, { required: ['epoch', 'key'] })
  const key = Buffer.from(String(pseudonym?.key), 'base64url')
  const signaturePolicy = POLICIES.find((policy) => policy === config?.policy)
  const bootstrapPeers = config?.bootstrap_peers
  const crlUrl = config?.crl_url
  if (
    signaturePolicy === undefined ||
    !isAddressList(bootstrapPeers) ||
    !isWhole(config?.gossip_fanout, MAX_GOSSIP_FANOUT) ||
    !isWhole(pseudonym?.epoch, Number.MAX_SAFE_INTEGER) ||
    !isHttpsUrl(crlUrl) ||
    key.length !== 32 ||
    key.toString('base64url') !== pseudonym?.key
  ) {
    throw new RangeError('the config is outside its bounds')
  }
  return {
    signaturePolicy,
    bootstrapPeers,
    gossipFanout: config?.gossip_fanout as number,
    crlUrl,
    pseudonym: { epoch: pseudonym.epoch as number, key: Uint8Array.from(key) },
  }
}

function isWhole(value: unknown, max: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= max
}

function isHttpsUrl(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_URL_CHARACTERS && URL.parse(value)?.protocol === 'https:'
}

/** `json` as an object that has every required member and none but those and the optional ones; else undefined. */
function members(
  json: unknown,
  names: { required: readonly string[]; optional?: readonly string[] },
): Json | undefined {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined
  const { required, optional = [] } = names
  const sound =
    required.every((name) => Object.hasOwn(json, name)) &&
    Object.keys(json).every((name) => required.includes(name) || optional.includes(name))
  return sound ? (json as Json) : undefined
}
