import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, type TLSSocket } from 'node:tls'
import { type Clock, checkOptionKeys, equalBytes } from '../../core/index.ts'
import type { SignaturePolicy, SignatureProvider } from '../../crypto/index.ts'
import {
  MAX_CHAIN_LENGTH,
  noRevocations,
  type PathPolicy,
  parseChain,
  type ValidPath,
  validatePath,
} from '../../records/path/index.ts'
import { type Csr, parseCsr } from '../csr.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { MAX_ANSWER_BYTES } from '../limits.ts'
import { CA_LABEL } from '../redemption.ts'
import { decodeToken, type Token } from '../token.ts'
import type { MeshConfig } from '../types.ts'
import { encodeRequest, readAnswer } from '../wire.ts'
import { TLS_OPTIONS } from './tls.ts'

export interface RequestEnrollmentOptions {
  /** Base URL of the CA, such as `https://ca.example:8443`. */
  url: string
  /** Text of the token. */
  token: string
  /** PKCS#10, DER, as `buildCsr` gives it. */
  csr: Uint8Array
  /** Needed where the token does not name the node; else it must be the token's. */
  nodeId?: string | undefined
  /** Multiaddresses under which this node can be dialled. Default none. */
  addresses?: readonly string[] | undefined
  /** Signatures that must hold in the CA's chain and the node's. Default `hybrid`. */
  signaturePolicy?: SignaturePolicy | undefined
  /** For the whole call. Default 30 seconds. */
  timeoutMs?: number | undefined
}

export interface RequestEnrollmentDependencies {
  readonly provider: SignatureProvider
  readonly clock: Clock
}

/** A certificate that is this node's, and what its mesh has in common. */
export interface Enrollment {
  readonly nodeId: string
  readonly path: ValidPath
  /** DER: leaf first, root last. */
  readonly chain: readonly Uint8Array[]
  readonly config: MeshConfig
}

const DEFAULT_TIMEOUT_MS = 30_000

/**
 * Asks a CA for a certificate, once; the same call may be repeated with the same keys. The token leaves only after the
 * server has shown a chain that ends in the root which the token names.
 * @throws ENROLLMENT_TOKEN_FORMAT, _TOKEN_CHECKSUM, _URL, _UNREACHABLE, _TIMEOUT, _SERVER_UNTRUSTED, _REFUSED,
 * _RATE_LIMITED, _ANSWER_MALFORMED, _ANSWER_WRONG, _CSR_*
 */
export async function requestEnrollment(
  options: RequestEnrollmentOptions,
  dependencies: RequestEnrollmentDependencies,
): Promise<Enrollment> {
  checkOptionKeys('requestEnrollment', options, [
    'url',
    'token',
    'csr',
    'nodeId',
    'addresses',
    'signaturePolicy',
    'timeoutMs',
  ])
  const token = decodeToken(options.token)
  const csr = parseCsr(options.csr)
  const socket = openSocket(parseUrl(options.url), token)
  let timedOut = false
  const timer = dependencies.clock.setTimer(options.timeoutMs ?? DEFAULT_TIMEOUT_MS, () => {
    timedOut = true
    socket.destroy()
  })
  try {
    await checkServer(socket, policyFor(token, options, 'ca-server'), dependencies)
    const { nodeId, addresses = [] } = options
    const body = encodeRequest({ token: options.token, csr: options.csr, nodeId, addresses })
    const answer = await post(socket, body)
    return await checkAnswer(answer, { csr, nodeId, policy: policyFor(token, options, 'node') }, dependencies)
  } catch (cause) {
    if (timedOut) throw ENROLLMENT_ERRORS.create('ENROLLMENT_TIMEOUT', { cause })
    throw cause
  } finally {
    timer.cancel()
    socket.destroy()
  }
}

function policyFor(token: Token, options: RequestEnrollmentOptions, purpose: PathPolicy['purpose']): PathPolicy {
  const { mesh, rootFingerprint } = token
  return { mesh, rootFingerprint, signaturePolicy: options.signaturePolicy ?? 'hybrid', purpose }
}

function parseUrl(text: string): { host: string; port: number } {
  const url = URL.parse(text)
  const plain = url?.protocol === 'https:' && url.pathname === '/' && `${url.search}${url.hash}${url.username}` === ''
  if (url === null || !plain) throw ENROLLMENT_ERRORS.create('ENROLLMENT_URL')
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? 443 : Number(url.port) }
}

/** OpenSSL proves that the server has the key of its certificate; whose certificate it is, {@link checkServer} decides. */
function openSocket(at: { host: string; port: number }, token: Token): TLSSocket {
  const { secureOptions: _, ...tls } = TLS_OPTIONS
  const socket = connect({ ...tls, ...at, servername: `${CA_LABEL}.${token.mesh}`, rejectUnauthorized: false })
  // Whoever waits for the socket hears of its end; an error between two waits must not end the process.
  return socket.on('error', () => undefined)
}

async function checkServer(
  socket: TLSSocket,
  policy: PathPolicy,
  { provider, clock }: RequestEnrollmentDependencies,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const failed = (cause?: unknown) => reject(ENROLLMENT_ERRORS.create('ENROLLMENT_UNREACHABLE', { cause }))
    socket.once('secureConnect', resolve).once('error', failed).once('close', failed)
  })
  try {
    const chain = parseChain(presentedChain(socket))
    await validatePath({ chain, policy, atMs: clock.now(), revocations: noRevocations() }, { provider })
  } catch (cause) {
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_SERVER_UNTRUSTED', { cause })
  }
}

function presentedChain(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = []
  let certificate = socket.getPeerX509Certificate()
  while (certificate !== undefined && chain.length <= MAX_CHAIN_LENGTH) {
    chain.push(certificate.raw)
    certificate = certificate.issuerCertificate
  }
  return chain
}

/** Body of a 200 answer. */
async function post(socket: TLSSocket, body: string): Promise<string> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const failed = (cause: unknown) => reject(ENROLLMENT_ERRORS.create('ENROLLMENT_UNREACHABLE', { cause }))
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const options = { method: 'POST', path: '/v1/enroll', host: socket.servername || 'ca', headers }
    // No agent, not even `agent: false`: any agent would open a connection of its own.
    httpRequest({ ...options, createConnection: () => socket })
      .once('response', resolve)
      .once('error', failed)
      .end(body)
  })
  const status = response.statusCode ?? 0
  if (status === 429) throw ENROLLMENT_ERRORS.create('ENROLLMENT_RATE_LIMITED')
  if (status >= 400 && status < 500) throw ENROLLMENT_ERRORS.create('ENROLLMENT_REFUSED', { metadata: { status } })
  if (status !== 200) throw ENROLLMENT_ERRORS.create('ENROLLMENT_ANSWER_MALFORMED', { metadata: { status } })
  return readBody(response)
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of response) {
      bytes += chunk.length
      if (bytes > MAX_ANSWER_BYTES) break
      chunks.push(chunk)
    }
  } catch (cause) {
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_UNREACHABLE', { cause })
  }
  if (bytes > MAX_ANSWER_BYTES) throw ENROLLMENT_ERRORS.create('ENROLLMENT_ANSWER_MALFORMED')
  return Buffer.concat(chunks).toString('utf8')
}

/** Takes nothing on trust: the path must hold and name this mesh, this node and these keys. */
async function checkAnswer(
  body: string,
  expected: { csr: Csr; nodeId: string | undefined; policy: PathPolicy },
  { provider, clock }: RequestEnrollmentDependencies,
): Promise<Enrollment> {
  const { chain, config } = readAnswer(body)
  const wrong = (cause?: unknown) => ENROLLMENT_ERRORS.create('ENROLLMENT_ANSWER_WRONG', { cause })
  const path = await validatePath(
    { chain: parsedOr(wrong, chain), policy: expected.policy, atMs: clock.now(), revocations: noRevocations() },
    { provider },
  ).catch((cause) => Promise.reject(wrong(cause)))
  const { spki, altSpki, overlayKey } = expected.csr
  const own =
    equalBytes(path.leaf.spki, spki) &&
    equalBytes(path.deviceKey.spki, altSpki) &&
    path.overlayPublicKey !== undefined &&
    equalBytes(path.overlayPublicKey, overlayKey.publicKey) &&
    (expected.nodeId === undefined || path.nodeId === expected.nodeId)
  if (!own) throw wrong()
  return { nodeId: path.nodeId, path, chain, config }
}

function parsedOr(wrong: (cause: unknown) => Error, chain: readonly Uint8Array[]) {
  try {
    return parseChain(chain)
  } catch (cause) {
    throw wrong(cause)
  }
}
