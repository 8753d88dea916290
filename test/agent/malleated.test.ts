/** Certificates of a revoked node in other bytes: whatever still holds must still be revoked. */
import t from 'tap'
import { encodePem } from '../../enrollment/index.ts'
import { derOid, noRevocations, OID, parseChain, signatureToX509, validatePath } from '../../records/path/index.ts'
import { entry } from '../helpers/crl.ts'
import { at, type DerNode, encodeTree, leaf, parseTree } from '../helpers/der-tree.ts'
import type { TestMesh, TestNode } from '../helpers/pki.ts'
import { dialTls, type LinkNode, startNode, until } from '../overlay/link/support.ts'
import { listOf, trustScene } from './trust-scene.ts'

/** The order of P-384 (SEC 2 §2.5.1). */
const ORDER = 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n

/** Turns (r, s) of the alternative signature into (r, n − s), which holds wherever (r, s) does: anybody can do that. */
function mirror({ certificate }: TestNode): DerNode {
  const tree = parseTree(certificate.der)
  const [r, s] = [certificate.altSignature!.subarray(0, 48), Buffer.from(certificate.altSignature!.subarray(48))]
  const other = (ORDER - BigInt(`0x${s.toString('hex')}`)).toString(16).padStart(96, '0')
  const signature = signatureToX509('ecdsa-p384', Buffer.concat([r, Buffer.from(other, 'hex')]))
  const oid = Buffer.from(derOid(OID.altSignatureValue))
  const extension = at(tree, 0, 7, 0).children!.find((one) => encodeTree(at(one, 0)).equals(oid))!
  at(extension, -1).content = encodeTree(leaf(0x03, `00${Buffer.from(signature).toString('hex')}`))
  return tree
}

/** The certificate signed once more by the root's main key. */
async function signed(mesh: TestMesh, tree: DerNode): Promise<Buffer> {
  at(tree, 2).content = Buffer.concat([Buffer.of(0), await mesh.root.keys.main.sign(encodeTree(at(tree, 0)))])
  return encodeTree(tree)
}

/** The outermost length in one byte more than it takes, as BER allows. */
function longLength(der: Uint8Array): Uint8Array {
  if (der[1] !== 0x82) throw new TypeError('the length of a certificate takes two bytes')
  return Buffer.concat([Buffer.of(0x30, 0x83, 0), der.subarray(2)])
}

/** `node` with another certificate in its hands. */
function holding(mesh: TestMesh, node: TestNode, der: Uint8Array): TestNode {
  const chain = [der, mesh.root.certificate.der]
  return { ...node, chain, chainPem: chain.map((one) => encodePem('CERTIFICATE', one)).join('') }
}

/** What a dialler is told, and what the listener reports. */
async function refusalOf(listener: LinkNode, dialler: TestNode): Promise<[told?: string, reported?: string]> {
  listener.refusals.splice(0)
  const peer = await dialTls(listener, dialler)
  const { code } = await peer.channel.expect('refused')
  peer.hangUp()
  await until(() => listener.refusals.length === 1, 'a refusal')
  return [code, listener.refusals[0]?.code ?? '']
}

t.test('a revoked certificate in other bytes stays revoked, in handshakes too', async (t) => {
  const { mesh, open } = await trustScene(t)
  const victim = mesh.node('sensor-1')
  const { der, serialNumber, subjectKeyId } = victim.certificate
  const node = await open()
  t.teardown(() => node.close())
  const listener = await startNode(mesh, 'sensor-2', { gate: node.trust })
  t.teardown(() => listener.libp2p.stop())
  const forms = {
    'the ECDSA signature mirrored, the other one made anew': await signed(mesh, mirror(victim)),
    'the same contents under another ML-DSA signature': await signed(mesh, parseTree(der)),
  }
  for (const [what, form] of Object.entries(forms)) {
    t.notOk(form.equals(der), what)
    t.equal((await node.trust.judge(holding(mesh, victim, form).chain)).nodeId, 'sensor-1', 'it holds before')
  }
  const alone = [encodeTree(mirror(victim)), mesh.root.certificate.der]
  await t.rejects(node.trust.judge(alone), { code: 'RECORDS_PATH_SIGNATURE' }, 'the ML-DSA signature covers the other')
  await t.rejects(node.trust.judge([longLength(der), mesh.root.certificate.der]), { code: 'RECORDS_DER_LENGTH' })
  const nowMs = Math.floor(mesh.nowMs / 1000) * 1000
  const revoked = entry(serialNumber, { reason: 'keyCompromise', revokedAtMs: nowMs, keyHash: subjectKeyId })
  t.equal(await node.desk.take(await listOf(mesh, mesh.root, { entries: [revoked] })), 'applied')
  const renumbered = parseTree(der)
  at(renumbered, 0, 1).content = Buffer.from('7777', 'hex')
  const all = {
    ...forms,
    'another serial number over the same key': await signed(mesh, renumbered),
    'a length in BER, which TLS reads': longLength(der),
  }
  for (const [what, form] of Object.entries(all)) {
    const codes = await refusalOf(listener, holding(mesh, victim, form))
    t.strictSame(codes, ['RECORDS_PATH_REVOKED', 'RECORDS_PATH_REVOKED'], what)
  }
  await t.rejects(node.trust.judge([longLength(der), mesh.root.certificate.der]), { code: 'RECORDS_DER_LENGTH' })
})

t.test('nobody but the CA makes such a certificate, under any policy', async (t) => {
  const { mesh } = await trustScene(t)
  const victim = mesh.node('sensor-1')
  const unsigned = mirror(victim)
  at(unsigned, 2).content = Buffer.concat([Buffer.of(0), Buffer.alloc(victim.certificate.signature.length, 7)])
  for (const tree of [mirror(victim), unsigned]) {
    const chain = parseChain([encodeTree(tree), mesh.root.certificate.der])
    for (const signaturePolicy of ['classical-only', 'hybrid', 'quantum-only'] as const) {
      const input = { chain, atMs: mesh.nowMs, revocations: noRevocations(), policy: mesh.policy({ signaturePolicy }) }
      await t.rejects(validatePath(input, mesh), { code: 'RECORDS_PATH_SIGNATURE' }, signaturePolicy)
    }
  }
})
