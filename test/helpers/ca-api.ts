/** A serving CA, members with certificates, and bare HTTPS past the client under test. */
import { once } from 'node:events'
import { connect } from 'node:tls'
import type { Test } from 'tap'
import type { SignatureProvider, SoftwareSigningKey } from '../../crypto/index.ts'
import { type CaAddress, type ServeCaOptions, serveCa } from '../../enrollment/api/index.ts'
import { buildCsr, buildMemberCsr, encodePem, LOCAL_ACTOR, type RequestKeys } from '../../enrollment/index.ts'
import type { InitCaOptions, MeshCa } from '../../enrollment/store/index.ts'
import { parseCertificate } from '../../records/path/index.ts'
import { makeRequestKeys, makeTestCa, type TestDependencies, testDependencies } from './ca.ts'

/** A CA in `home` that answers on a free port; ended with the test. */
export async function serveTestCa(
  t: Test,
  options: Partial<ServeCaOptions> = {},
  given: { changes?: Partial<TestDependencies>; at?: Partial<InitCaOptions> } = {},
) {
  const dependencies = testDependencies(given.changes)
  const { ca, home } = await makeTestCa(t, given.at, dependencies)
  const server = await serveCa({ ca, port: 0, ...generous, ...options }, dependencies)
  t.teardown(() => server.close())
  return { ca, home, dependencies, ...server }
}

/** So that only tests about limits meet them. */
const generous = { rateBurst: 10_000, ratePerMinute: 10_000, connectionsPerAddress: 256 }

/** A member with a certificate and what proves it. */
export interface TestMember {
  readonly name: string
  /** DER, leaf first, root last. */
  readonly chain: readonly Uint8Array[]
  readonly keys: RequestKeys
  readonly identityKey: SoftwareSigningKey
  readonly serialNumber: Uint8Array
}

/** A node of the mesh of `ca`. */
export async function makeNode(ca: MeshCa, name: string, provider: SignatureProvider): Promise<TestMember> {
  const keys = await makeRequestKeys(provider)
  const { token } = await ca.createToken({ nodeId: name })
  const request = { token, csr: await buildCsr(keys), nodeId: name, addresses: [] }
  const { chain } = await ca.enroll(request, { crlUrl: 'https://ca.example/v1/crl' })
  return memberOf(name, chain, keys)
}

/** An operator of the mesh of `ca`. */
export async function makeOperator(ca: MeshCa, name: string, provider: SignatureProvider): Promise<TestMember> {
  const keys = await makeRequestKeys(provider)
  const { chain } = await ca.addOperator({ name, csr: await buildMemberCsr(keys) }, LOCAL_ACTOR)
  return memberOf(name, chain, keys)
}

export function memberOf(name: string, chain: readonly Uint8Array[], keys: RequestKeys): TestMember {
  const { serialNumber } = parseCertificate(chain[0] ?? new Uint8Array())
  return { name, chain, keys, identityKey: keys.identityKey as SoftwareSigningKey, serialNumber }
}

/** How `member` calls the CA at `url` that it knows. */
export function callerOf(ca: MeshCa, url: string, { chain, identityKey }: TestMember) {
  return { ...addressOf(ca, url), chain, identityKey }
}

export function addressOf(ca: MeshCa, url: string): CaAddress {
  return { url, mesh: ca.mesh, rootFingerprint: ca.root.fingerprint }
}

/** A chain, and the key of its leaf. */
interface Caller {
  readonly chain: readonly Uint8Array[]
  readonly identityKey: Pick<SoftwareSigningKey, 'keyObject'>
}

export interface BareRequest {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Shows this member's chain, and proves its key. */
  readonly as?: Caller | undefined
}

export interface BareAnswer {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: Buffer
}

/** One exchange on a connection of its own. */
export async function bareExchange(url: string, request: BareRequest): Promise<BareAnswer> {
  const { hostname: host, port } = new URL(url)
  const { method = 'GET', path, headers = {}, body, as } = request
  const own = as === undefined ? {} : pemOf(as)
  const socket = connect({ host, port: Number(port), rejectUnauthorized: false, servername: 'ca.north-grid', ...own })
  socket.on('error', () => undefined)
  const closed = once(socket, 'close')
  await Promise.race([once(socket, 'secureConnect'), closed.then(() => Promise.reject(new Error('refused')))])
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const length = body === undefined ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`
  socket.write(`${method} ${path} HTTP/1.1\r\nhost: ca\r\nconnection: close\r\n${lines.join('')}${length}\r\n`)
  if (body !== undefined) socket.write(body)
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await closed
  return parseAnswer(Buffer.concat(chunks))
}

/** Posts JSON. */
export function barePost(url: string, path: string, json: unknown, more: Partial<BareRequest> = {}) {
  const body = typeof json === 'string' || json instanceof Uint8Array ? json : JSON.stringify(json)
  return bareExchange(url, { method: 'POST', path, headers: { 'content-type': 'application/json' }, body, ...more })
}

function pemOf({ chain, identityKey }: Caller) {
  return {
    cert: chain.map((der) => encodePem('CERTIFICATE', der)).join(''),
    key: identityKey.keyObject.export({ type: 'pkcs8', format: 'pem' }),
  }
}

function parseAnswer(bytes: Buffer): BareAnswer {
  const end = bytes.indexOf('\r\n\r\n')
  const [first = '', ...lines] = bytes.subarray(0, end).toString().split('\r\n')
  const headers = lines.map((line) => [
    line.slice(0, line.indexOf(':')).toLowerCase(),
    line.slice(line.indexOf(':') + 2),
  ])
  return { status: Number(first.split(' ')[1]), headers: Object.fromEntries(headers), body: bytes.subarray(end + 4) }
}
