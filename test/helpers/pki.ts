/** A mesh with real keys and certificates for tests, and ways to get certificates that must be refused. */
import { type RandomSource, systemRandom } from '../../core/index.ts'
import {
  createNativeProvider,
  type SignaturePolicy,
  type SignatureProvider,
  type SoftwareSigningKey,
  type SuiteName,
} from '../../crypto/index.ts'
import { type AuthorityKeys, type CertificateContent, writeCertificate } from '../../enrollment/certificate-writer.ts'
import { type Authority, issueIssuingCa, issueRoot, nodeCertificateContent } from '../../enrollment/certificates.ts'
import { overlayPublicKey, signOverlayKey } from '../../enrollment/overlay-key.ts'
import { encodePem } from '../../enrollment/pem.ts'
import { type Certificate, OID, type PathPolicy, parseCertificate, type Role } from '../../records/path/index.ts'

/** What is wrong with a node's certificate. Everything else about it is right. */
export type Flaw = 'other-root' | 'self-signed' | 'expired' | 'not-yet-valid' | 'other-peer-id' | 'no-peer-id'

export interface TestNodeOptions {
  nodeId: string
  /** Default `['node']`. */
  roles?: readonly Role[]
  /** Default `ml-dsa-87`. */
  identitySuite?: SuiteName
  /** Default `ed25519`. */
  deviceSuite?: SuiteName
  flaw?: Flaw
  /** Default: a new one, of `deviceSuite`. */
  deviceKey?: SoftwareSigningKey
  /** Default: a new one. */
  overlayKey?: SoftwareSigningKey
  /** Who signs. Default: the mesh's root. */
  issuer?: Authority
  /** Changes the certificate before it is signed. */
  change?: (content: CertificateContent) => CertificateContent
  /** Changes who signs: to leave a half out or use a wrong key. */
  signers?: (keys: AuthorityKeys) => AuthorityKeys
}

export interface TestNode {
  nodeId: string
  identityKey: SoftwareSigningKey
  deviceKey: SoftwareSigningKey
  overlayKey: SoftwareSigningKey
  /** Protobuf form of the overlay key in use (under the flaw `other-peer-id` the certificate names another). */
  overlayPublicKey: Uint8Array
  /** Seed and public key, 64 bytes: what libp2p's `privateKeyFromRaw` takes. */
  overlayRawKey: Uint8Array
  certificate: Certificate
  /** Leaf first, the root last. */
  chain: Uint8Array[]
  chainPem: string
  /** PKCS#8 of the identity key. */
  keyPem: string
}

export interface TestMesh {
  mesh: string
  nowMs: number
  provider: SignatureProvider
  random: RandomSource
  root: Authority
  rootPem: string
  policy(changes?: Partial<PathPolicy>): PathPolicy
  /** By node_id. */
  nodes: Map<string, TestNode>
  /** The node with `nodeId`, which must exist. */
  node(nodeId: string): TestNode
  addNode(options: TestNodeOptions): Promise<TestNode>
  /** An issuing CA under the root. */
  makeIssuingCa(): Promise<Authority>
}

export interface TestMeshOptions {
  /** Default `test-mesh`. */
  mesh?: string
  nodes?: readonly (string | TestNodeOptions)[]
  /** Default: now. */
  nowMs?: number
  signaturePolicy?: SignaturePolicy
}

const DAY_MS = 24 * 3600 * 1000

/** Makes a root and a certificate for each of `nodes`. */
export async function makeTestMesh(options: TestMeshOptions = {}): Promise<TestMesh> {
  const { mesh = 'test-mesh', nowMs = Date.now(), signaturePolicy = 'hybrid' } = options
  const provider = createNativeProvider()
  const random = systemRandom()
  const root = await makeRoot({ mesh, nowMs, provider, random })
  const nodes = new Map<string, TestNode>()
  const made: TestMesh = {
    mesh,
    nowMs,
    provider,
    random,
    root,
    rootPem: encodePem('CERTIFICATE', root.certificate.der),
    nodes,
    policy: (changes = {}) => ({
      mesh,
      rootFingerprint: root.certificate.fingerprint,
      signaturePolicy,
      purpose: 'node',
      ...changes,
    }),
    node(nodeId) {
      const node = nodes.get(nodeId)
      if (node === undefined) throw new TypeError(`no node ${nodeId} in the test mesh`)
      return node
    },
    async addNode(nodeOptions) {
      const node = await makeNode(made, nodeOptions)
      nodes.set(node.nodeId, node)
      return node
    },
    makeIssuingCa: async () =>
      issueIssuingCa(
        { mesh, nowMs, issuer: root, keys: await makeAuthorityKeys(provider), lifetimeMs: 365 * DAY_MS },
        { random },
      ),
  }
  for (const node of options.nodes ?? []) await made.addNode(typeof node === 'string' ? { nodeId: node } : node)
  return made
}

async function makeAuthorityKeys(provider: SignatureProvider): Promise<Required<AuthorityKeys>> {
  return { main: await provider.generate('ml-dsa-87'), alternative: await provider.generate('ecdsa-p384') }
}

/** The root goes back a year, so that leaves can be expired while it is not. */
async function makeRoot(mesh: Pick<TestMesh, 'mesh' | 'nowMs' | 'provider' | 'random'>): Promise<Authority> {
  const keys = await makeAuthorityKeys(mesh.provider)
  return issueRoot({ mesh: mesh.mesh, nowMs: mesh.nowMs - 365 * DAY_MS, keys }, mesh)
}

async function makeNode(mesh: TestMesh, options: TestNodeOptions): Promise<TestNode> {
  const { nodeId, flaw } = options
  const identityKey = await mesh.provider.generate(options.identitySuite ?? 'ml-dsa-87')
  const deviceKey = options.deviceKey ?? (await mesh.provider.generate(options.deviceSuite ?? 'ed25519'))
  const overlayKey = options.overlayKey ?? (await mesh.provider.generate('ed25519'))
  const issuer = flaw === 'other-root' ? await makeRoot(mesh) : (options.issuer ?? mesh.root)
  const named = flaw === 'other-peer-id' ? await mesh.provider.generate('ed25519') : overlayKey
  const content = nodeCertificateContent(
    {
      mesh: mesh.mesh,
      nodeId,
      roles: options.roles ?? ['node'],
      nowMs: mesh.nowMs,
      keys: {
        spki: identityKey.publicKey.spki,
        altSpki: deviceKey.publicKey.spki,
        overlayKey: await signOverlayKey(named, identityKey.publicKey.spki),
      },
      issuer,
    },
    mesh,
  )
  const changed = (options.change ?? ((same) => same))(applyFlaw(content, flaw))
  const signers = flaw === 'self-signed' ? { main: identityKey, alternative: undefined } : issuer.keys
  const certificate = parseCertificate(await writeCertificate(changed, options.signers?.(signers) ?? signers))
  const above = issuer === mesh.root || flaw !== undefined ? [] : [issuer.certificate.der]
  const root = flaw === 'other-root' ? issuer.certificate.der : mesh.root.certificate.der
  const chain = flaw === 'self-signed' ? [certificate.der] : [certificate.der, ...above, root]
  return {
    nodeId,
    identityKey,
    deviceKey,
    overlayKey,
    overlayPublicKey: overlayPublicKey(overlayKey.publicKey),
    overlayRawKey: Buffer.concat([overlayKey.exportPrivate().subarray(-32), overlayKey.publicKey.spki.subarray(-32)]),
    certificate,
    chain,
    chainPem: chain.map((der) => encodePem('CERTIFICATE', der)).join(''),
    keyPem: encodePem('PRIVATE KEY', identityKey.exportPrivate()),
  }
}

function applyFlaw(content: CertificateContent, flaw: Flaw | undefined): CertificateContent {
  switch (flaw) {
    case 'expired':
      return { ...content, notBeforeMs: content.notBeforeMs - 30 * DAY_MS, notAfterMs: content.notBeforeMs - DAY_MS }
    case 'not-yet-valid':
      return { ...content, notBeforeMs: content.notBeforeMs + DAY_MS }
    case 'no-peer-id':
      return { ...content, extensions: content.extensions.filter(({ oid }) => oid !== OID.overlaySignedKey) }
    case 'self-signed':
      return { ...content, issuerName: content.subjectName }
    default:
      return content
  }
}
