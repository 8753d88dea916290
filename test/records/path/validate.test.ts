import t from 'tap'
import type { CertificateContent } from '../../../enrollment/certificate-writer.ts'
import { encodeName, writeCertificate } from '../../../enrollment/certificate-writer.ts'
import type { Authority } from '../../../enrollment/certificates.ts'
import { issueOperatorCertificate, issueRoot, issueServerCertificate } from '../../../enrollment/certificates.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  type Extension,
  extendedKeyUsage,
  keyUsage,
  overlaySignedKey,
  rolesExtension,
  subjectAltName,
} from '../../../enrollment/extensions.ts'
import {
  type Certificate,
  noRevocations,
  OID,
  PathCache,
  type PathPolicy,
  parseCertificate,
  parseChain,
  type RevocationView,
  type Role,
  type ValidPath,
  validatePath,
} from '../../../records/path/index.ts'
import { signatureProviderCounting } from '../../helpers/counting-provider.ts'
import { makeTestMesh, type TestNodeOptions } from '../../helpers/pki.ts'

const MINUTE_MS = 60_000
const pki = await makeTestMesh({ mesh: 'north-grid', nodes: ['relay-7'] })
const issuingCa = await pki.makeIssuingCa()

interface Judged {
  chain: readonly Certificate[]
  root?: Certificate
  atMs?: number
  revocations?: RevocationView
  policy?: Partial<PathPolicy>
  cache?: PathCache
}

function judge(judged: Judged): Promise<ValidPath> {
  return validatePath(
    {
      chain: judged.chain,
      root: judged.root,
      atMs: judged.atMs ?? pki.nowMs,
      revocations: judged.revocations ?? noRevocations(),
      policy: pki.policy(judged.policy),
    },
    { provider: pki.provider, cache: judged.cache },
  )
}

async function chainOf(options: Partial<TestNodeOptions>): Promise<Certificate[]> {
  const node = await pki.addNode({ nodeId: 'altered', ...options })
  return parseChain(node.chain)
}

const relayChain = parseChain(pki.node('relay-7').chain)

/** A change that puts `extension` in the place of the one with its OID. */
function withExtension(extension: Extension): (content: CertificateContent) => CertificateContent {
  return (content) => ({
    ...content,
    extensions: content.extensions.map((own) => (own.oid === extension.oid ? extension : own)),
  })
}

function without(oid: string): (content: CertificateContent) => CertificateContent {
  return (content) => ({ ...content, extensions: content.extensions.filter((own) => own.oid !== oid) })
}

/** An issuing CA whose certificate was changed before the root signed it. */
async function changedCa(
  change: (extensions: readonly Extension[]) => readonly Extension[],
  issuer: Authority = pki.root,
): Promise<Authority> {
  const { certificate, keys } = issuingCa
  const content = {
    ...certificate,
    serialNumber: pki.random.bytes(8).fill(1, 0, 1),
    issuerName: issuer.certificate.subjectName,
    subjectName: encodeName(pki.mesh, 'changed CA'),
    extensions: change([
      basicConstraints({ ca: true, pathLength: 0 }),
      keyUsage('keyCertSign'),
      { oid: OID.subjectKeyIdentifier, critical: false, value: Uint8Array.of(4, 32, ...certificate.subjectKeyId) },
      authorityKeyIdentifier(issuer.certificate.subjectKeyId),
      { oid: OID.subjectAltPublicKeyInfo, critical: false, value: keys.alternative!.publicKey.spki },
    ]),
  }
  return { certificate: parseCertificate(await writeCertificate(content, issuer.keys)), keys }
}

function swap(extension: Extension): (extensions: readonly Extension[]) => readonly Extension[] {
  return (extensions) => extensions.map((own) => (own.oid === extension.oid ? extension : own))
}

async function serverChain(label = 'ca'): Promise<Certificate[]> {
  const keys = {
    spki: (await pki.provider.generate('ml-dsa-87')).publicKey.spki,
    altSpki: (await pki.provider.generate('ed25519')).publicKey.spki,
  }
  const server = await issueServerCertificate({ mesh: pki.mesh, label, keys, issuer: pki.root, nowMs: pki.nowMs }, pki)
  return [server, pki.root.certificate]
}

t.test('a node under the root', async (t) => {
  const path = await judge({ chain: relayChain })
  const relay = pki.node('relay-7')
  t.match(path, { mesh: 'north-grid', nodeId: 'relay-7', roles: ['node'], chain: { length: 2 } })
  t.strictSame(path.identityKey.spki, relay.identityKey.publicKey.spki)
  t.strictSame(path.deviceKey.spki, relay.deviceKey.publicKey.spki)
  t.strictSame(path.overlayPublicKey, relay.overlayPublicKey)
})

t.test('the root may be given apart from the chain', async (t) => {
  const [leaf] = relayChain
  t.equal((await judge({ chain: [leaf!], root: pki.root.certificate })).chain.length, 2)
  t.equal((await judge({ chain: relayChain, root: pki.root.certificate })).chain.length, 2)
  await t.rejects(judge({ chain: [leaf!] }), { code: 'RECORDS_PATH_ROOT' })
})

t.test('other suites, all roles of members, an issuing CA', async (t) => {
  const roles: readonly Role[] = ['node', 'validator']
  const narrow = await chainOf({ issuer: issuingCa, identitySuite: 'ml-dsa-65', deviceSuite: 'ecdsa-p256', roles })
  const path = await judge({ chain: narrow })
  t.match(path, { roles, chain: { length: 3 }, identityKey: { suite: { name: 'ml-dsa-65' } } })
  t.equal(path.deviceKey.suite.name, 'ecdsa-p256')
  t.ok(await judge({ chain: await chainOf({ deviceSuite: 'ecdsa-p384' }) }))
})

t.test('the server of the CA, and that neither kind of leaf passes for the other', async (t) => {
  const chain = await serverChain()
  const path = await judge({ chain, policy: { purpose: 'ca-server' } })
  t.match(path, { nodeId: 'ca', roles: ['ca'], overlayPublicKey: undefined })
  await t.rejects(judge({ chain }), { code: 'RECORDS_PATH_EXTENDED_KEY_USAGE' })
  await t.rejects(judge({ chain: relayChain, policy: { purpose: 'ca-server' } }), { code: 'RECORDS_PATH_ROLE' })
})

t.test('an operator, who is no node, and no node is an operator', async (t) => {
  const keys = { identity: await pki.provider.generate('ml-dsa-87'), device: await pki.provider.generate('ed25519') }
  const operator = await issueOperatorCertificate(
    {
      mesh: pki.mesh,
      name: 'alice',
      keys: { spki: keys.identity.publicKey.spki, altSpki: keys.device.publicKey.spki },
      issuer: pki.root,
      nowMs: pki.nowMs,
    },
    { random: pki.random },
  )
  const chain = [operator, pki.root.certificate]
  const path = await judge({ chain, policy: { purpose: 'operator' } })
  t.match(path, { nodeId: 'alice', roles: ['operator'], overlayPublicKey: undefined })
  await t.rejects(judge({ chain }), { code: 'RECORDS_PATH_EXTENDED_KEY_USAGE' })
  await t.rejects(judge({ chain: relayChain, policy: { purpose: 'operator' } }), { code: 'RECORDS_PATH_ROLE' })
  const both = await chainOf({ change: withExtension(rolesExtension(['node', 'operator'])) })
  await t.rejects(judge({ chain: both }), { code: 'RECORDS_PATH_ROLE' })
})

t.test('where the path ends', async (t) => {
  const other = await makeTestMesh({ mesh: 'north-grid', nodes: ['relay-7'] })
  const foreign = parseChain(other.node('relay-7').chain)
  await t.rejects(judge({ chain: foreign }), { code: 'RECORDS_PATH_ROOT' })
  await t.rejects(judge({ chain: foreign, root: pki.root.certificate }), { code: 'RECORDS_PATH_KEY_ID' })
  await t.rejects(judge({ chain: await chainOf({ flaw: 'self-signed' }) }), { code: 'RECORDS_PATH_ROOT' })
  await t.rejects(judge({ chain: [] }), { code: 'RECORDS_PATH_ROOT' })
  await t.rejects(judge({ chain: [pki.root.certificate] }), { code: 'RECORDS_PATH_TOO_SHORT' })
  const [leaf, root] = relayChain
  await t.rejects(judge({ chain: [leaf!, root!, root!, root!, root!] }), { code: 'RECORDS_PATH_TOO_LONG' })
  await t.rejects(judge({ chain: [leaf!, leaf!, leaf!, leaf!], root: root! }), { code: 'RECORDS_PATH_TOO_LONG' })
  const again = { code: 'RECORDS_PATH_REPEATED' }
  await t.rejects(judge({ chain: [leaf!, root!, root!] }), again, 'no certificate twice (RFC 5280 §6.1)')
  await t.rejects(judge({ chain: [leaf!, root!, root!], root: root! }), again)
})

t.test('names and key identifiers link each certificate to the one above', async (t) => {
  const misnamed = await chainOf({ change: (content) => ({ ...content, issuerName: encodeName('north-grid', 'x') }) })
  await t.rejects(judge({ chain: misnamed }), { code: 'RECORDS_PATH_NAME_CHAIN' })
  const wrongKey = await chainOf({ change: withExtension(authorityKeyIdentifier(new Uint8Array(32))) })
  await t.rejects(judge({ chain: wrongKey }), { code: 'RECORDS_PATH_KEY_ID' })
})

t.test('only a CA issues, and only as deep as it may', async (t) => {
  const relay = pki.node('relay-7')
  const leafAsCa = { certificate: relay.certificate, keys: { main: relay.identityKey, alternative: undefined } }
  const below = await chainOf({ issuer: leafAsCa })
  await t.rejects(judge({ chain: below }), { code: 'RECORDS_PATH_NOT_CA' })

  const unbounded = await changedCa(swap(basicConstraints({ ca: true })))
  t.ok(await judge({ chain: await chainOf({ issuer: unbounded }) }))
  const last = await changedCa(swap(basicConstraints({ ca: true, pathLength: 0 })))
  const tooDeep = await changedCa((extensions) => extensions, last)
  const [leaf] = await chainOf({ issuer: tooDeep })
  await t.rejects(judge({ chain: [leaf!, tooDeep.certificate, last.certificate, pki.root.certificate] }), {
    code: 'RECORDS_PATH_LENGTH',
  })
  const noSigning = await changedCa(swap(keyUsage('digitalSignature')))
  await t.rejects(judge({ chain: await chainOf({ issuer: noSigning }) }), { code: 'RECORDS_PATH_KEY_USAGE' })
  const encrypting = await changedCa(swap(keyUsage('keyCertSign', 'keyEncipherment')))
  await t.rejects(judge({ chain: await chainOf({ issuer: encrypting }) }), { code: 'RECORDS_PATH_KEY_USAGE' })
  const noUsage = await changedCa((extensions) => extensions.filter(({ oid }) => oid !== OID.keyUsage))
  await t.rejects(judge({ chain: await chainOf({ issuer: noUsage }) }), { code: 'RECORDS_PATH_KEY_USAGE' })
  const noConstraints = await changedCa((extensions) => extensions.filter(({ oid }) => oid !== OID.basicConstraints))
  await t.rejects(judge({ chain: await chainOf({ issuer: noConstraints }) }), { code: 'RECORDS_PATH_NOT_CA' })
})

t.test('what the leaf may be used for', async (t) => {
  const refused: [TestNodeOptions['change'], string][] = [
    [withExtension(basicConstraints({ ca: true })), 'RECORDS_PATH_LEAF_IS_CA'],
    [withExtension(keyUsage('keyAgreement')), 'RECORDS_PATH_KEY_USAGE'],
    [withExtension(keyUsage('digitalSignature', 'keyCertSign')), 'RECORDS_PATH_KEY_USAGE'],
    [withExtension(keyUsage('digitalSignature', 'cRLSign')), 'RECORDS_PATH_KEY_USAGE'],
    [withExtension(keyUsage('digitalSignature', 'keyAgreement')), 'RECORDS_PATH_KEY_USAGE'],
    [without(OID.keyUsage), 'RECORDS_PATH_KEY_USAGE'],
    [withExtension(extendedKeyUsage(OID.serverAuth, OID.clientAuth)), 'RECORDS_PATH_EXTENDED_KEY_USAGE'],
    [withExtension(extendedKeyUsage('2.5.29.37.0')), 'RECORDS_PATH_EXTENDED_KEY_USAGE'],
    [without(OID.extendedKeyUsage), 'RECORDS_PATH_EXTENDED_KEY_USAGE'],
    [withExtension(rolesExtension(['node', 'ca'])), 'RECORDS_PATH_ROLE'],
    [without(OID.roles), 'RECORDS_PATH_ROLE'],
    [without(OID.subjectAltPublicKeyInfo), 'RECORDS_PATH_DEVICE_KEY'],
  ]
  for (const [change, code] of refused) await t.rejects(judge({ chain: await chainOf({ change: change! }) }), { code })
  const limiting = await changedCa((extensions) => [...extensions, extendedKeyUsage(OID.serverAuth)])
  await t.rejects(judge({ chain: await chainOf({ issuer: limiting }) }), { code: 'RECORDS_PATH_EXTENDED_KEY_USAGE' })
})

t.test('names are exactly one URI and one DNS name, of this mesh and of one label', async (t) => {
  const uri = 'spiffe://north-grid/node/altered'
  const dnsName = 'altered.north-grid'
  const refused: [string[], string[]][] = [
    [[uri, 'spiffe://north-grid/node/other'], [dnsName]],
    [[uri], [dnsName, 'other.north-grid']],
    [[uri], []],
    [[], [dnsName]],
    [[uri], ['other.north-grid']],
    [['spiffe://south-grid/node/altered'], ['altered.south-grid']],
    [['spiffe://north-grid/node/a.b'], ['a.b.north-grid']],
    [['spiffe://north-grid/node/Altered'], ['Altered.north-grid']],
    [['spiffe://north-grid/node/'], ['.north-grid']],
    [['spiffe://north-grid/ca/altered'], [dnsName]],
    [['https://north-grid/node/altered'], [dnsName]],
    [['spiffe:///node/altered'], [dnsName]],
    [['spiffe://north-grid:443/node/altered'], [dnsName]],
    [['spiffe://x@north-grid/node/altered'], [dnsName]],
    [['SPIFFE://north-grid/node/altered'], [dnsName]],
    [['spiffe://NORTH-GRID/node/altered'], ['altered.NORTH-GRID']],
    [['spiffe://xnorth-grid/node/altered'], ['altered.xnorth-grid']],
    [['spiffe://north-grid.evil/node/altered'], ['altered.north-grid.evil']],
    [['spiffe://north-grid/node/altered/'], [dnsName]],
    [['spiffe://north-grid/node/../node/altered'], [dnsName]],
    [['spiffe://north-grid/node/altered?x'], [dnsName]],
    [['spiffe://north-grid/node/%61ltered'], [dnsName]],
    [[uri], [`${dnsName}.`]],
    [[uri], ['*.north-grid']],
    [[uri], [uri]],
  ]
  for (const [uris, dnsNames] of refused) {
    const chain = await chainOf({ change: withExtension(subjectAltName({ uris, dnsNames })) })
    await t.rejects(judge({ chain }), { code: 'RECORDS_PATH_SUBJECT_NAME' }, [...uris, ...dnsNames].join(' '))
  }
  for (const bundleEndpoints of [
    ['dtn://other.north-grid/'],
    ['dtn://altered.north-grid/', 'dtn://altered.north-grid/'],
  ]) {
    const names = { uris: [uri], dnsNames: [dnsName], bundleEndpoints }
    const chain = await chainOf({ change: withExtension(subjectAltName(names)) })
    await t.rejects(judge({ chain }), { code: 'RECORDS_PATH_SUBJECT_NAME' }, bundleEndpoints.join(' '))
  }
  const withoutEndpoint = subjectAltName({ uris: [uri], dnsNames: [dnsName] })
  t.ok(await judge({ chain: await chainOf({ change: withExtension(withoutEndpoint) }) }), 'it may be left out')
  await t.rejects(judge({ chain: await chainOf({ change: without(OID.subjectAltName) }) }), {
    code: 'RECORDS_PATH_SUBJECT_NAME',
  })
  await t.rejects(judge({ chain: relayChain, policy: { mesh: 'south-grid' } }), { code: 'RECORDS_PATH_SUBJECT_NAME' })
})

t.test('every CA above holds a leaf to its constraints', async (t) => {
  const constraints = (hex: string) => (extensions: readonly Extension[]) => [
    ...extensions,
    { oid: OID.nameConstraints, critical: true, value: Buffer.from(hex, 'hex') },
  ]
  const permitted = (tag: number, text: string) => {
    const base = Buffer.concat([Buffer.of(tag, text.length), Buffer.from(text)])
    const subtree = Buffer.concat([Buffer.of(0x30, base.length), base])
    const list = Buffer.concat([Buffer.of(0xa0, subtree.length), subtree])
    return Buffer.concat([Buffer.of(0x30, list.length), list]).toString('hex')
  }
  const cases: [number, string, boolean][] = [
    [0x82, 'north-grid', true],
    [0x82, 'altered.north-grid', true],
    [0x82, 'other.north-grid', false],
    [0x82, 'grid', false],
    [0x82, 'rth-grid', false],
    [0x82, 'NORTH-GRID', false],
    [0x82, 'north-grid.', false],
    [0x82, 'xn--north-grid', false],
    [0x86, 'north-grid', true],
    [0x86, '.grid', false],
    [0x86, 'south-grid', false],
    [0x86, 'rth-grid', false],
    [0x86, 'NORTH-GRID', false],
    [0x86, 'north-grid.', false],
    [0x86, 'north-grid/node/altered', false],
  ]
  for (const [tag, base, holds] of cases) {
    const chain = await chainOf({ issuer: await changedCa(constraints(permitted(tag, base))) })
    if (holds) t.ok(await judge({ chain }), base)
    else await t.rejects(judge({ chain }), { code: 'RECORDS_PATH_NAME_CONSTRAINT' }, base)
  }
  const south = await issueRoot(
    {
      mesh: 'south-grid',
      nowMs: pki.nowMs,
      keys: { main: pki.root.keys.main, alternative: pki.root.keys.alternative! },
    },
    pki,
  )
  const strayed = await chainOf({ change: (content) => ({ ...content, issuerName: south.certificate.subjectName }) })
  const chain = [strayed[0]!, south.certificate]
  await t.rejects(judge({ chain, policy: { rootFingerprint: south.certificate.fingerprint } }), {
    code: 'RECORDS_PATH_NAME_CONSTRAINT',
  })
})

t.test('the overlay key proves itself', async (t) => {
  await t.rejects(judge({ chain: await chainOf({ flaw: 'no-peer-id' }) }), { code: 'RECORDS_PATH_OVERLAY_KEY' })
  const { overlayKey } = pki.node('relay-7').certificate
  const stolen = await chainOf({ change: withExtension(overlaySignedKey(overlayKey!)) })
  await t.rejects(judge({ chain: stolen }), { code: 'RECORDS_PATH_OVERLAY_KEY' })
  t.ok(await judge({ chain: await chainOf({ flaw: 'other-peer-id' }) }), 'whose it is, the link compares')
})

t.test('keys that are no keys', async (t) => {
  const offCurve = Buffer.from(`3076301006072a8648ce3d020106052b8104002203620004${'11'.repeat(96)}`, 'hex')
  const chain = await chainOf({
    change: withExtension({ oid: OID.subjectAltPublicKeyInfo, critical: false, value: offCurve }),
  })
  await t.rejects(judge({ chain }), { code: 'RECORDS_CERT_KEY' })
})

t.test('validity counts for every certificate, with tolerance at notBefore only', async (t) => {
  const [leaf, root] = relayChain
  const { notBeforeMs, notAfterMs } = leaf!
  t.ok(await judge({ chain: relayChain, atMs: notBeforeMs - 5 * MINUTE_MS }))
  t.ok(await judge({ chain: relayChain, atMs: notAfterMs }))
  const early = { chain: relayChain, atMs: notBeforeMs - 5 * MINUTE_MS - 1 }
  await t.rejects(judge(early), { code: 'RECORDS_PATH_NOT_YET_VALID' })
  t.ok(await judge({ ...early, policy: { maxClockSkewMs: 6 * MINUTE_MS } }))
  await t.rejects(judge({ chain: relayChain, atMs: notAfterMs + 1 }), { code: 'RECORDS_PATH_EXPIRED' })
  const eternal = await chainOf({ change: (content) => ({ ...content, notAfterMs: root!.notAfterMs + 1000 }) })
  await t.rejects(judge({ chain: eternal, atMs: root!.notAfterMs + 1 }), { code: 'RECORDS_PATH_EXPIRED' }, 'the root')
})

t.test('revocation: from its date, at any time for key compromise, ahead of expiry, at every level', async (t) => {
  const revoke = (certificate: Certificate, changes: { revokedAtMs: number; keyCompromise: boolean }) => ({
    find: ({ authorityKeyId, serialNumber }: Pick<Certificate, 'authorityKeyId' | 'serialNumber'>) =>
      Buffer.compare(authorityKeyId, certificate.authorityKeyId) === 0 &&
      Buffer.compare(serialNumber, certificate.serialNumber) === 0
        ? changes
        : undefined,
  })
  const [leaf] = relayChain
  const revokedAtMs = pki.nowMs
  const replaced = revoke(leaf!, { revokedAtMs, keyCompromise: false })
  t.ok(await judge({ chain: relayChain, revocations: replaced, atMs: revokedAtMs - 1 }))
  const code = 'RECORDS_PATH_REVOKED'
  await t.rejects(judge({ chain: relayChain, revocations: replaced, atMs: revokedAtMs }), { code, action: 'ignore' })
  await t.rejects(judge({ chain: relayChain, revocations: replaced, atMs: leaf!.notAfterMs + 1 }), { code })
  const compromised = revoke(leaf!, { revokedAtMs, keyCompromise: true })
  await t.rejects(judge({ chain: relayChain, revocations: compromised, atMs: revokedAtMs - 1 }), { code })
  const below = await chainOf({ issuer: issuingCa })
  t.ok(await judge({ chain: below, revocations: replaced }))
  const revokedCa = revoke(issuingCa.certificate, { revokedAtMs, keyCompromise: false })
  await t.rejects(judge({ chain: below, revocations: revokedCa }), { code })
})

t.test('which signatures count is the policy', async (t) => {
  const strangers = {
    main: await pki.provider.generate('ml-dsa-87'),
    alternative: await pki.provider.generate('ecdsa-p384'),
  }
  const otherCurve = await pki.provider.generate('ecdsa-p256')
  const otherLevel = await pki.provider.generate('ml-dsa-65')
  const chains = {
    sound: relayChain,
    mainWrong: await chainOf({ signers: (keys) => ({ ...keys, main: strangers.main }) }),
    alternativeWrong: await chainOf({ signers: (keys) => ({ ...keys, alternative: strangers.alternative }) }),
    otherCurve: await chainOf({ signers: (keys) => ({ ...keys, alternative: otherCurve }) }),
    otherLevel: await chainOf({ signers: (keys) => ({ ...keys, main: otherLevel }) }),
    alternativeMissing: await chainOf({ signers: (keys) => ({ ...keys, alternative: undefined }) }),
  }
  const main = 'RECORDS_PATH_SIGNATURE'
  const alternative = 'RECORDS_PATH_ALTERNATIVE_SIGNATURE'
  const missing = 'RECORDS_PATH_HALF_MISSING'
  const expected: [keyof typeof chains, PathPolicy['signaturePolicy'], string | undefined][] = [
    ['sound', 'hybrid', undefined],
    ['sound', 'quantum-only', undefined],
    ['sound', 'classical-only', undefined],
    ['mainWrong', 'hybrid', main],
    ['mainWrong', 'quantum-only', main],
    ['mainWrong', 'classical-only', main],
    ['otherLevel', 'hybrid', main],
    ['alternativeWrong', 'hybrid', alternative],
    ['alternativeWrong', 'quantum-only', alternative],
    ['alternativeWrong', 'classical-only', alternative],
    ['otherCurve', 'hybrid', alternative],
    ['alternativeMissing', 'hybrid', missing],
    ['alternativeMissing', 'quantum-only', undefined],
    ['alternativeMissing', 'classical-only', missing],
  ]
  for (const [name, signaturePolicy, code] of expected) {
    const judged = judge({ chain: chains[name], policy: { signaturePolicy } })
    if (code === undefined) t.equal((await judged).mesh, 'north-grid', `${name} under ${signaturePolicy}`)
    else await t.rejects(judged, { code }, `${name} under ${signaturePolicy}`)
  }
})

t.test('the root signs itself with both halves', async (t) => {
  const strangers = await makeTestMesh({ mesh: 'north-grid' })
  const { main, alternative } = strangers.root.keys
  const own = pki.root.keys
  const content = (await chainOf({}))[1]!
  const rebuilt = async (keys: Authority['keys']) => {
    const extensions = [
      basicConstraints({ ca: true, pathLength: 1 }),
      keyUsage('keyCertSign'),
      { oid: OID.subjectKeyIdentifier, critical: false, value: Uint8Array.of(4, 32, ...content.subjectKeyId) },
      authorityKeyIdentifier(content.subjectKeyId),
      { oid: OID.subjectAltPublicKeyInfo, critical: false, value: own.alternative!.publicKey.spki },
    ]
    return parseCertificate(await writeCertificate({ ...content, extensions }, keys))
  }
  const under = async (root: Certificate) =>
    judge({ chain: [relayChain[0]!, root], policy: { rootFingerprint: root.fingerprint } })
  t.ok(await under(await rebuilt(own)))
  const broken = await rebuilt({ ...own, main })
  await t.rejects(under(broken), { code: 'RECORDS_PATH_SIGNATURE' })
  const held = { chain: [relayChain[0]!], root: broken, policy: { rootFingerprint: broken.fingerprint } }
  t.ok(await judge(held), "a root of one's own is an anchor: its fingerprint covers its keys")
  await t.rejects(under(await rebuilt({ ...own, alternative })), { code: 'RECORDS_PATH_ALTERNATIVE_SIGNATURE' })
  await t.rejects(under(await rebuilt({ ...own, alternative: undefined })), { code: 'RECORDS_PATH_HALF_MISSING' })
})

t.test('a cache spares the signatures and nothing else', async (t) => {
  const cache = new PathCache(2)
  const counting = signatureProviderCounting(pki.provider)
  const input = { chain: relayChain, atMs: pki.nowMs, revocations: noRevocations(), policy: pki.policy() }
  await validatePath(input, { provider: counting, cache })
  t.equal(counting.verifications, 5, 'overlay key, two of the root, two of the leaf')
  const again = await validatePath(input, { provider: counting, cache })
  t.equal(counting.verifications, 5)
  t.equal(again.nodeId, 'relay-7')
  await t.rejects(validatePath({ ...input, atMs: relayChain[0]!.notAfterMs + 1 }, { provider: counting, cache }), {
    code: 'RECORDS_PATH_EXPIRED',
  })
  await validatePath(
    { ...input, policy: pki.policy({ signaturePolicy: 'quantum-only' }) },
    { provider: counting, cache },
  )
  t.equal(counting.verifications, 5, 'which halves must be there is judged apart')
  await judge({ chain: await chainOf({}), cache })
  await judge({ chain: await chainOf({}), cache })
  t.equal(cache.size, 2, 'the oldest went')
  const forged = await chainOf({ signers: (keys) => ({ ...keys, main: pki.node('relay-7').identityKey }) })
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await t.rejects(judge({ chain: forged, cache }), { code: 'RECORDS_PATH_SIGNATURE' }, 'failures are not remembered')
  }
})
