import type { SignaturePolicy } from '../crypto/index.ts'
import { MAX_CHAIN_LENGTH } from '../records/path/index.ts'
import { isAddressList } from './addresses.ts'
import { ENROLLMENT_ERRORS } from './errors.ts'
import { flawIn } from './json-schema.ts'
import { decodePem, encodePem } from './pem.ts'
import type { EnrollmentAnswer, EnrollmentRequest, MeshConfig, PseudonymKey } from './types.ts'
import { WIRE, type WireName } from './wire-schemas.ts'

/**
 * JSON of `POST /v1/enroll`, and what the other bodies share with it.
 *
 *     request  { token, csr: PEM or base64, node_id?, attestation?: { type, payload }, addresses?: [multiaddress] }
 *     answer   { certificate: PEM (leaf first, without the root), ca_cert: PEM,
 *                config: { bootstrap_peers, gossip_fanout, crl_url, policy, pseudonym: { epoch, key: base64url } } }
 *
 * Unknown members are refused both ways; wire-schemas.ts has the bounds.
 */

const CSR_LABEL = 'CERTIFICATE REQUEST'
const CERTIFICATE_LABEL = 'CERTIFICATE'

type Json = Record<string, unknown>

/** JSON text of a request. */
export function encodeRequest(request: EnrollmentRequest): string {
  const { token, csr, nodeId, addresses } = request
  return JSON.stringify({
    token,
    csr: encodeCsr(csr),
    ...(nodeId === undefined ? {} : { node_id: nodeId }),
    ...(addresses.length === 0 ? {} : { addresses }),
  })
}

/**
 * The request in parsed JSON.
 * @throws ENROLLMENT_REQUEST_MALFORMED naming the member, ENROLLMENT_PEM
 */
export function readRequest(json: unknown): EnrollmentRequest {
  const { token, csr, node_id: nodeId, addresses = [] } = readBody<EnrollBody>('EnrollRequest', json)
  if (!isAddressList(addresses)) throw malformed('addresses')
  return { token, csr: decodeCsr(csr), nodeId, addresses }
}

interface EnrollBody {
  readonly token: string
  readonly csr: string
  readonly node_id?: string
  readonly addresses?: readonly string[]
}

/** JSON value of an answer. */
export function encodeAnswer({ chain, config }: EnrollmentAnswer): Json {
  return {
    certificate: encodeChain(chain.slice(0, -1)),
    ca_cert: encodeChain(chain.slice(-1)),
    config: {
      bootstrap_peers: config.bootstrapPeers,
      gossip_fanout: config.gossipFanout,
      crl_url: config.crlUrl,
      policy: config.signaturePolicy,
      pseudonym: encodePseudonym(config.pseudonym),
    },
  }
}

/**
 * The answer in JSON text.
 * @throws ENROLLMENT_ANSWER_MALFORMED
 */
export function readAnswer(text: string): EnrollmentAnswer {
  return readingAnswer(() => {
    const answer = parseAnswer<EnrollAnswerBody>('EnrollAnswer', text)
    const chain = [...decodeChain(answer.certificate), ...decodeChain(answer.ca_cert, 1)]
    return { chain, config: readConfig(answer.config) }
  })
}

interface EnrollAnswerBody {
  readonly certificate: string
  readonly ca_cert: string
  readonly config: {
    readonly bootstrap_peers: readonly string[]
    readonly gossip_fanout: number
    readonly crl_url: string
    readonly policy: SignaturePolicy
    readonly pseudonym: PseudonymBody
  }
}

function readConfig(config: EnrollAnswerBody['config']): MeshConfig {
  const { bootstrap_peers: bootstrapPeers, crl_url: crlUrl } = config
  if (!isAddressList(bootstrapPeers) || URL.parse(crlUrl) === null) throw new RangeError('addresses')
  return {
    signaturePolicy: config.policy,
    bootstrapPeers,
    gossipFanout: config.gossip_fanout,
    crlUrl,
    pseudonym: readPseudonym(config.pseudonym),
  }
}

/** PEM of a certificate request. */
export function encodeCsr(der: Uint8Array): string {
  return encodePem(CSR_LABEL, der)
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/**
 * DER of a certificate request in PEM or in base64.
 * @throws ENROLLMENT_PEM
 */
export function decodeCsr(text: string): Uint8Array {
  if (!BASE64.test(text)) return decodePem(text, { label: CSR_LABEL, maxBlocks: 1 })[0] ?? new Uint8Array()
  const der = Buffer.from(text, 'base64')
  if (der.toString('base64') !== text) throw ENROLLMENT_ERRORS.create('ENROLLMENT_PEM')
  return new Uint8Array(der)
}

/** PEM of certificates, one after another. */
export function encodeChain(chain: readonly Uint8Array[]): string {
  return chain.map((der) => encodePem(CERTIFICATE_LABEL, der)).join('')
}

/**
 * DER of each certificate: at least one, at most `maxBlocks`, by default a whole chain without its root.
 * @throws ENROLLMENT_PEM
 */
export function decodeChain(pem: string, maxBlocks: number = MAX_CHAIN_LENGTH - 1): Uint8Array[] {
  return decodePem(pem, { label: CERTIFICATE_LABEL, maxBlocks })
}

interface PseudonymBody {
  readonly epoch: number
  readonly key: string
}

/** JSON value of a pseudonym key. */
export function encodePseudonym({ epoch, key }: PseudonymKey): PseudonymBody {
  return { epoch, key: Buffer.from(key).toString('base64url') }
}

/** The key of a body that its schema describes. */
export function readPseudonym({ epoch, key }: PseudonymBody): PseudonymKey {
  const bytes = Buffer.from(key, 'base64url')
  if (bytes.toString('base64url') !== key) throw new RangeError('pseudonym key')
  return { epoch, key: Uint8Array.from(bytes) }
}

/**
 * A request's body, checked against its schema.
 * @throws ENROLLMENT_REQUEST_MALFORMED naming the member
 */
export function readBody<Body>(name: WireName, json: unknown): Body {
  const flaw = flawIn(WIRE[name], json)
  if (flaw !== undefined) throw malformed(flaw)
  return json as Body
}

/** An answer's body from its text, checked against its schema; for use within {@link readingAnswer}. */
export function parseAnswer<Body>(name: WireName, text: string): Body {
  const json: unknown = JSON.parse(text)
  const flaw = flawIn(WIRE[name], json)
  if (flaw !== undefined) throw new RangeError(flaw)
  return json as Body
}

/** What `read` gives. @throws ENROLLMENT_ANSWER_MALFORMED for anything that it throws */
export function readingAnswer<Answer>(read: () => Answer): Answer {
  try {
    return read()
  } catch (cause) {
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_ANSWER_MALFORMED', { cause })
  }
}

function malformed(detail: string) {
  return ENROLLMENT_ERRORS.create('ENROLLMENT_REQUEST_MALFORMED', { detail })
}
