import { checkOptionKeys, equalBytes } from '../../core/index.ts'
import type { SignaturePolicy, SuiteName } from '../../crypto/index.ts'
import { noRevocations, parseChain, type ValidPath, validatePath } from '../../records/path/index.ts'
import { type Csr, parseCsr } from '../csr.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { decodeToken } from '../token.ts'
import type { MeshConfig } from '../types.ts'
import { encodeRequest, readAnswer } from '../wire.ts'
import { type CaAddress, type ClientDependencies, policyFor, withConnection } from './connection.ts'
import { refusalOf } from './dates.ts'

export interface RequestEnrollmentOptions {
  /** Base URL of the CA, such as `https://ca.example:8443`. */
  url: string
  /** Text of the token. */
  token: string
  /**
   * Gives the request, PKCS#10 in DER as `buildCsr` makes it, with an identity key of the CA's own suite. Called once,
   * when the server has proven to be the CA.
   */
  makeCsr: (suite: SuiteName) => Promise<Uint8Array>
  /** Needed where the token does not name the node; else it must be the token's. */
  nodeId?: string | undefined
  /** Multiaddresses under which this node can be dialled. Default none. */
  addresses?: readonly string[] | undefined
  /** Signatures that must hold in the CA's chain and the node's. Default `hybrid`. */
  signaturePolicy?: SignaturePolicy | undefined
  /** For the whole call. Default 30 seconds. */
  timeoutMs?: number | undefined
}

/** A certificate that is this node's, and what its mesh has in common. */
export interface Enrollment {
  readonly nodeId: string
  readonly path: ValidPath
  /** DER: leaf first, root last. */
  readonly chain: readonly Uint8Array[]
  readonly config: MeshConfig
}

/**
 * Asks a CA for a certificate, once; the same call may be repeated with the same keys. The token leaves only after the
 * server has shown a chain that ends in the root which the token names.
 * @throws ENROLLMENT_TOKEN_FORMAT, _TOKEN_CHECKSUM, _URL, _UNREACHABLE, _TIMEOUT, _SERVER_UNTRUSTED, _REFUSED,
 * _RATE_LIMITED, _UNAVAILABLE, _ANSWER_MALFORMED, _ANSWER_WRONG, _CSR_*
 */
export async function requestEnrollment(
  options: RequestEnrollmentOptions,
  dependencies: ClientDependencies,
): Promise<Enrollment> {
  checkOptionKeys('requestEnrollment', options, [
    'url',
    'token',
    'makeCsr',
    'nodeId',
    'addresses',
    'signaturePolicy',
    'timeoutMs',
  ])
  const { mesh, rootFingerprint } = decodeToken(options.token)
  const { url, signaturePolicy, timeoutMs, token, nodeId, addresses = [] } = options
  const address = { url, mesh, rootFingerprint, signaturePolicy, timeoutMs }
  return withConnection({ address }, dependencies, async ({ server, send }) => {
    const csr = await options.makeCsr(server.leaf.signatureSuite)
    const keys = parseCsr(csr)
    const { body } = await send({
      method: 'POST',
      path: '/v1/enroll',
      body: encodeRequest({ token, csr, nodeId, addresses }),
    })
    const { chain, config } = readAnswer(Buffer.from(body).toString())
    const path = await checkIssued({ chain, address, keys, nodeId }, dependencies)
    return { nodeId: path.nodeId, path, chain, config }
  })
}

/** What an issued chain must be: of this mesh, for these keys, and for this node where it is known. */
export interface ExpectedChain {
  readonly chain: readonly Uint8Array[]
  readonly address: CaAddress
  readonly keys: Csr
  readonly nodeId: string | undefined
}

/**
 * Takes nothing on trust: the path must hold and name this mesh, this node and these keys.
 * @throws ENROLLMENT_ANSWER_WRONG
 */
export async function checkIssued(expected: ExpectedChain, dependencies: ClientDependencies): Promise<ValidPath> {
  const { chain, address, keys, nodeId } = expected
  const { provider, clock } = dependencies
  const wrong = (cause?: unknown) => ENROLLMENT_ERRORS.create('ENROLLMENT_ANSWER_WRONG', refusalOf(cause))
  const judge = async () =>
    validatePath(
      {
        chain: parseChain(chain),
        root: address.root,
        policy: policyFor(address, 'node'),
        atMs: clock.now(),
        revocations: noRevocations(),
      },
      { provider },
    )
  const path = await judge().catch((cause) => Promise.reject(wrong(cause)))
  const own =
    equalBytes(path.leaf.spki, keys.spki) &&
    equalBytes(path.deviceKey.spki, keys.altSpki) &&
    path.overlayPublicKey !== undefined &&
    equalBytes(path.overlayPublicKey, keys.overlayKey.publicKey) &&
    (nodeId === undefined || path.nodeId === nodeId)
  if (!own) throw wrong()
  return path
}
