import { checkOptionKeys, equalBytes } from '../../core/index.ts'
import type { SuiteName } from '../../crypto/index.ts'
import { type Certificate, parseCertificate, parseChain, type ValidPath } from '../../records/path/index.ts'
import { parseCsr } from '../csr.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { MAX_CRL_BYTES } from '../limits.ts'
import type { PseudonymKey } from '../types.ts'
import { encodeRenewal, readPseudonymAnswer, readRenewalAnswer } from '../wire-member.ts'
import { checkIssued } from './client.ts'
import { type CaAddress, type ClientDependencies, type MemberCredentials, withConnection } from './connection.ts'

/** A node, its certificate and the CA that it asks. */
export interface MemberOptions extends CaAddress, MemberCredentials {}

export interface RequestRotationOptions extends MemberOptions {
  /**
   * Gives the request, PKCS#10 in DER as `buildCsr` makes it, over the next identity key, of the CA's own suite. Called
   * once, when the server has proven to be the CA.
   */
  makeCsr: (suite: SuiteName) => Promise<Uint8Array>
}

/** A node's next certificate. */
export interface Rotated {
  /** DER: leaf first, root last. */
  readonly chain: readonly Uint8Array[]
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly path: ValidPath
  /** Present when the old certificate had expired: how often the node may come back like this again. */
  readonly grace?: { readonly used: number; readonly left: number } | undefined
}

const MEMBER_KEYS = [
  'url',
  'mesh',
  'rootFingerprint',
  'root',
  'signaturePolicy',
  'timeoutMs',
  'chain',
  'identityKey',
] as const

/**
 * Asks for a node's next certificate, proving itself by the present one; the call may be repeated with the same keys.
 * @throws ENROLLMENT_UNAUTHENTICATED, _REFUSED (revoked, refused by policy, out of grace), and as `requestEnrollment`
 * @throws {TypeError} when the root is neither given nor at the end of the chain
 */
export async function requestRotation(
  options: RequestRotationOptions,
  dependencies: ClientDependencies,
): Promise<Rotated> {
  checkOptionKeys('requestRotation', options, [...MEMBER_KEYS, 'makeCsr'])
  const [present] = parseChain(options.chain)
  if (present === undefined) throw new TypeError('the chain is empty')
  const address = { ...addressOf(options), root: rootOf(options) }
  return withConnection({ address, credentials: options }, dependencies, async ({ server, send }) => {
    const csr = await options.makeCsr(server.leaf.signatureSuite)
    const keys = parseCsr(csr)
    const request = encodeRenewal({ csr, currentSerialNumber: present.serialNumber })
    const { body } = await send({ method: 'POST', path: '/v1/rotate', body: request })
    const answer = readRenewalAnswer(Buffer.from(body).toString())
    const nodeId = labelOf(present, options.mesh)
    const chain = [...answer.chain, address.root.der]
    const path = await checkIssued({ chain, address, keys, nodeId }, dependencies)
    const { notBeforeMs, notAfterMs } = path.leaf
    return { chain, notBeforeMs, notAfterMs, path, grace: answer.grace }
  })
}

function addressOf({ url, mesh, rootFingerprint, root, signaturePolicy, timeoutMs }: CaAddress): CaAddress {
  return { url, mesh, rootFingerprint, root, signaturePolicy, timeoutMs }
}

function rootOf({ root, chain, rootFingerprint }: MemberOptions): Certificate {
  if (root !== undefined) return root
  const last = parseCertificate(chain.at(-1) ?? new Uint8Array())
  if (!equalBytes(last.fingerprint, rootFingerprint)) throw new TypeError('the root is neither given nor in the chain')
  return last
}

function labelOf({ dnsNames: [name = ''] }: Certificate, mesh: string): string {
  return name.slice(0, -mesh.length - 1)
}

/**
 * Asks for the mesh's present pseudonym key.
 * @throws ENROLLMENT_UNAUTHENTICATED, ENROLLMENT_REFUSED and as `requestEnrollment`
 */
export async function fetchPseudonym(options: MemberOptions, dependencies: ClientDependencies): Promise<PseudonymKey> {
  checkOptionKeys('fetchPseudonym', options, MEMBER_KEYS)
  return withConnection({ address: addressOf(options), credentials: options }, dependencies, async ({ send }) => {
    const { body } = await send({ method: 'GET', path: '/v1/pseudonym' })
    return readPseudonymAnswer(Buffer.from(body).toString())
  })
}

export interface FetchListOptions extends CaAddress {
  kind: 'full' | 'delta'
  /** As it came with the list that the caller holds: the same list is not sent again. */
  etag?: string | undefined
  /** Subject key id of the authority whose list is wanted. Default: the one that issues now. */
  authority?: Uint8Array | undefined
}

/** A revocation list as it came, still to be parsed and verified. */
export interface FetchedList {
  readonly der: Uint8Array
  readonly etag: string | undefined
}

const LIST_TIMEOUT_MS = 120_000

/**
 * Fetches a revocation list. The default timeout is two minutes: lists can be long.
 * @returns `unchanged` when it is the list that `etag` names; undefined when there is none of that kind
 * @throws as `requestEnrollment`
 */
export async function fetchList(
  options: FetchListOptions,
  dependencies: ClientDependencies,
): Promise<FetchedList | 'unchanged' | undefined> {
  const { kind, etag, authority, timeoutMs = LIST_TIMEOUT_MS } = options
  const query = authority === undefined ? '' : `?authority=${Buffer.from(authority).toString('hex')}`
  const path = `/v1/crl${kind === 'delta' ? '/delta' : ''}${query}`
  const headers = { accept: 'application/pkix-crl', ...(etag !== undefined && { 'if-none-match': etag }) }
  const address = { ...addressOf(options), timeoutMs }
  try {
    return await withConnection({ address }, dependencies, async ({ send }) => {
      const answer = await send({ method: 'GET', path, headers, maxBytes: MAX_CRL_BYTES })
      if (answer.status === 200) return { der: answer.body, etag: answer.headers.etag }
      if (answer.status === 304 && etag !== undefined) return 'unchanged'
      throw ENROLLMENT_ERRORS.create('ENROLLMENT_ANSWER_MALFORMED', { metadata: { status: answer.status } })
    })
  } catch (error) {
    if (ENROLLMENT_ERRORS.matches(error, 'ENROLLMENT_NOT_FOUND')) return undefined
    throw error
  }
}
