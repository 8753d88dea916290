/** Nodes and operators of a mesh CA, as far as a CA sees them. */
import type { SignatureProvider } from '../../crypto/index.ts'
import { buildCsr, buildMemberCsr, type RequestKeys } from '../../enrollment/index.ts'
import type { MeshCa, TokenOptions } from '../../enrollment/store/index.ts'
import { type Certificate, noRevocations, parseChain, type ValidPath, validatePath } from '../../records/path/index.ts'
import { makeRequestKeys } from './ca.ts'

export const CRL_URL = 'https://ca.example/v1/crl'

export interface TestMember {
  readonly keys: RequestKeys
  /** Leaf first, root last. */
  readonly chain: readonly Certificate[]
}

/** A node that enrolled with a token of its own. */
export async function enrollMember(
  ca: MeshCa,
  nodeId: string,
  { provider, ...options }: { provider: SignatureProvider; keys?: RequestKeys } & TokenOptions,
): Promise<TestMember> {
  const { keys = await makeRequestKeys(provider), ...token } = options
  const made = await ca.createToken({ nodeId, ...token })
  const request = { token: made.token, csr: await buildCsr(keys), nodeId, addresses: [] }
  const { chain } = await ca.enroll(request, { crlUrl: CRL_URL })
  return { keys, chain: parseChain(chain) }
}

/** An operator's certificate and keys. */
export async function addTestOperator(ca: MeshCa, name: string, provider: SignatureProvider): Promise<TestMember> {
  const keys = await makeRequestKeys(provider)
  const { chain } = await ca.addOperator({ name, csr: await buildMemberCsr(keys) }, { kind: 'local', name: '' })
  return { keys, chain: parseChain(chain) }
}

/** The same member with a new identity key. */
export async function withNewIdentity(member: TestMember, provider: SignatureProvider): Promise<RequestKeys> {
  return { ...member.keys, identityKey: await provider.generate(member.keys.identityKey.publicKey.suite.name) }
}

/** What a node sends to renew the certificate of `member` over `keys`. */
export async function renewalRequest(member: TestMember, keys: RequestKeys) {
  const [leaf] = member.chain
  return { csr: await buildCsr(keys), currentSerialNumber: leaf?.serialNumber ?? new Uint8Array() }
}

/** Renews over a fresh identity key. */
export async function rotateMember(
  ca: MeshCa,
  member: TestMember,
  { provider, keys: given }: { provider: SignatureProvider; keys?: RequestKeys },
) {
  const keys = given ?? (await withNewIdentity(member, provider))
  const renewal = await ca.rotate(await renewalRequest(member, keys), member.chain)
  return { renewal, member: { keys, chain: parseChain(renewal.chain) } }
}

/** The path of a chain at a time, judged by the mesh's pinned root. */
export function pathAt(
  ca: MeshCa,
  chain: readonly Certificate[],
  { atMs, purpose = 'node', provider }: { atMs: number; purpose?: 'node' | 'operator'; provider: SignatureProvider },
): Promise<ValidPath> {
  const policy = { mesh: ca.mesh, rootFingerprint: ca.root.fingerprint, signaturePolicy: 'hybrid', purpose } as const
  return validatePath({ chain, atMs, revocations: noRevocations(), policy }, { provider })
}

/** Events of the audit, oldest first. */
export async function eventsOf(ca: MeshCa): Promise<string[]> {
  const events: string[] = []
  for await (const { event } of ca.audit()) events.push(event)
  return events.reverse()
}
