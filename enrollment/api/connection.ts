import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, type TLSSocket } from 'node:tls'
import { type Clock, equalBytes } from '../../core/index.ts'
import { type SignaturePolicy, type SignatureProvider, type SoftwareSigningKey, sha256 } from '../../crypto/index.ts'
import {
  type Certificate,
  noRevocations,
  type PathPolicy,
  parseChain,
  type ValidPath,
  validatePath,
} from '../../records/path/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { MAX_ANSWER_BYTES } from '../limits.ts'
import { encodePem } from '../pem.ts'
import { CA_LABEL } from '../redemption.ts'
import { refusalOf } from './dates.ts'
import { presentedChain, TLS_OPTIONS } from './tls.ts'

/** Where a CA answers, and by what it is known. */
export interface CaAddress {
  /** Base URL such as `https://ca.example:8443`; that of its revocation lists is taken as well. */
  url: string
  /** Name of the mesh. */
  mesh: string
  /** SHA-256 of the root that the mesh is known by. */
  rootFingerprint: Uint8Array
  /** That root, where the caller holds it already. */
  root?: Certificate | undefined
  /** Signatures that must hold in the CA's chain and in what it issues. Default `hybrid`. */
  signaturePolicy?: SignaturePolicy | undefined
  /** For the whole call. Default 30 seconds. */
  timeoutMs?: number | undefined
}

/** With what a member proves who it is: TLS proves possession of the key. */
export interface MemberCredentials {
  /** DER, leaf first; the root may be left out. */
  chain: readonly Uint8Array[]
  /** Subject key of the leaf. */
  identityKey: SoftwareSigningKey
}

export interface ClientDependencies {
  readonly provider: SignatureProvider
  /** The time at which the CA's certificate must hold. */
  readonly clock: Clock
}

/** One request; the connection takes no second one. */
export interface CaRequest {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly path: string
  /** JSON text. */
  readonly body?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Largest body that is read. Default that of enrolment. */
  readonly maxBytes?: number | undefined
}

/** An answer that is not a refusal. */
export interface CaAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Uint8Array
}

/** A server that has proven to be the CA. */
export interface CaConnection {
  readonly server: ValidPath
  /** @throws ENROLLMENT_UNREACHABLE, _RATE_LIMITED, _UNAUTHENTICATED, _NOT_FOUND, _REFUSED, _UNAVAILABLE, _ANSWER_MALFORMED */
  send(request: CaRequest): Promise<CaAnswer>
}

const DEFAULT_TIMEOUT_MS = 30_000

/**
 * Connects to a CA and lets `use` send one request, after the server has shown a chain that ends in the root of the
 * mesh: nothing secret leaves before.
 * @throws ENROLLMENT_URL, ENROLLMENT_UNREACHABLE, ENROLLMENT_TIMEOUT, ENROLLMENT_SERVER_UNTRUSTED, and what `use` throws
 */
export async function withConnection<Result>(
  options: { address: CaAddress; credentials?: MemberCredentials | undefined },
  dependencies: ClientDependencies,
  use: (connection: CaConnection) => Promise<Result>,
): Promise<Result> {
  const { address, credentials } = options
  const socket = openSocket(address, credentials)
  let timedOut = false
  const timer = dependencies.clock.setTimer(address.timeoutMs ?? DEFAULT_TIMEOUT_MS, () => {
    timedOut = true
    socket.destroy()
  })
  try {
    const server = await checkServer(socket, address, dependencies)
    return await use({ server, send: (request) => exchange(socket, request) })
  } catch (cause) {
    if (timedOut) throw ENROLLMENT_ERRORS.create('ENROLLMENT_TIMEOUT', { cause })
    throw cause
  } finally {
    timer.cancel()
    socket.destroy()
  }
}

/** What a path of `purpose` must fulfil in the mesh of a CA. */
export function policyFor(address: CaAddress, purpose: PathPolicy['purpose']): PathPolicy {
  const { mesh, rootFingerprint, signaturePolicy = 'hybrid' } = address
  return { mesh, rootFingerprint, signaturePolicy, purpose }
}

const LIST_PATH = '/v1/crl'

function parseUrl(text: string): { host: string; port: number } {
  const url = URL.parse(text)
  const base = url?.pathname === '/' || url?.pathname === LIST_PATH
  const plain = url?.protocol === 'https:' && base && `${url.search}${url.hash}${url.username}` === ''
  if (url === null || !plain) throw ENROLLMENT_ERRORS.create('ENROLLMENT_URL')
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? 443 : Number(url.port) }
}

/** OpenSSL proves that the server has the key of its certificate; whose certificate it is, {@link checkServer} decides. */
function openSocket(address: CaAddress, credentials: MemberCredentials | undefined): TLSSocket {
  const { secureOptions: _, ...tls } = TLS_OPTIONS
  const at = parseUrl(address.url)
  const own = credentials === undefined ? {} : presented(credentials, address.rootFingerprint)
  const servername = `${CA_LABEL}.${address.mesh}`
  const socket = connect({ ...tls, ...own, ...at, servername, rejectUnauthorized: false })
  // Whoever waits for the socket hears of its end; an error between two waits must not end the process.
  return socket.on('error', () => undefined)
}

function presented({ chain, identityKey }: MemberCredentials, rootFingerprint: Uint8Array) {
  const shown = chain.filter((der) => !equalBytes(sha256(der), rootFingerprint))
  return {
    cert: shown.map((der) => encodePem('CERTIFICATE', der)).join(''),
    key: identityKey.keyObject.export({ type: 'pkcs8', format: 'pem' }),
  }
}

async function checkServer(
  socket: TLSSocket,
  address: CaAddress,
  { provider, clock }: ClientDependencies,
): Promise<ValidPath> {
  await new Promise<void>((resolve, reject) => {
    const failed = (cause?: unknown) => reject(ENROLLMENT_ERRORS.create('ENROLLMENT_UNREACHABLE', { cause }))
    socket.once('secureConnect', resolve).once('error', failed).once('close', failed)
  })
  try {
    const chain = parseChain(presentedChain(socket))
    const policy = policyFor(address, 'ca-server')
    const { root } = address
    return await validatePath({ chain, root, policy, atMs: clock.now(), revocations: noRevocations() }, { provider })
  } catch (cause) {
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_SERVER_UNTRUSTED', refusalOf(cause))
  }
}

async function exchange(socket: TLSSocket, request: CaRequest): Promise<CaAnswer> {
  const { body = '', method, path } = request
  const length = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const headers = { ...request.headers, connection: 'close', ...(request.body !== undefined && length) }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const failed = (cause: unknown) => reject(ENROLLMENT_ERRORS.create('ENROLLMENT_UNREACHABLE', { cause }))
    // No agent, not even `agent: false`: any agent would open a connection of its own.
    httpRequest({ method, path, host: socket.servername || 'ca', headers, createConnection: () => socket })
      .once('response', resolve)
      .once('error', failed)
      .once('close', failed)
      .end(body)
  })
  const status = response.statusCode ?? 0
  checkStatus(status)
  const { headers: answered } = response
  return { status, headers: answered, body: await readBytes(response, request.maxBytes ?? MAX_ANSWER_BYTES) }
}

function checkStatus(status: number): void {
  if (status === 200 || status === 204 || status === 304) return
  const metadata = { status }
  if (status === 429) throw ENROLLMENT_ERRORS.create('ENROLLMENT_RATE_LIMITED')
  if (status === 401) throw ENROLLMENT_ERRORS.create('ENROLLMENT_UNAUTHENTICATED', { metadata })
  if (status === 503) throw ENROLLMENT_ERRORS.create('ENROLLMENT_UNAVAILABLE', { metadata })
  if (status === 404) throw ENROLLMENT_ERRORS.create('ENROLLMENT_NOT_FOUND', { metadata })
  if (status >= 400 && status < 500) throw ENROLLMENT_ERRORS.create('ENROLLMENT_REFUSED', { metadata })
  throw ENROLLMENT_ERRORS.create('ENROLLMENT_ANSWER_MALFORMED', { metadata })
}

async function readBytes(response: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of response) {
      bytes += chunk.length
      if (bytes > maxBytes) break
      chunks.push(chunk)
    }
  } catch (cause) {
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_UNREACHABLE', { cause })
  }
  if (bytes > maxBytes) throw ENROLLMENT_ERRORS.create('ENROLLMENT_ANSWER_MALFORMED')
  return new Uint8Array(Buffer.concat(chunks))
}
