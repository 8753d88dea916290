/** Whoever has a token of its own and wants to be somebody else. */
import t from 'tap'
import { buildCsr } from '../../enrollment/index.ts'
import { parseCertificate } from '../../records/path/index.ts'
import { makeRequestKeys } from '../helpers/ca.ts'
import { bareExchange, barePost, makeNode, serveTestCa } from '../helpers/ca-api.ts'
import { at, encodeTree, parseTree } from '../helpers/der-tree.ts'

t.test("a token of one's own gives nobody another node's name or PeerId", async (t) => {
  const { ca, url, dependencies } = await serveTestCa(t)
  const { provider } = dependencies
  const victim = await makeNode(ca, 'relay-7', provider)
  const leaf = parseCertificate(victim.chain[0]!)
  const own = await makeRequestKeys(provider)
  const issued = (await ca.status()).issued
  const ask = async (csr: Uint8Array, nodeId: string, bound?: string) => {
    const { token } = await ca.createToken(bound === undefined ? {} : { nodeId: bound })
    const body = { token, csr: Buffer.from(csr).toString('base64'), node_id: nodeId }
    return (await barePost(url, '/v1/enroll', body)).status
  }
  const csr = await buildCsr(own)
  t.equal(await ask(csr, 'relay-7'), 403, 'a name that is taken')
  t.equal(await ask(csr, 'relay-7', 'relay-8'), 403, 'another name than that of the token')
  const named = parseTree(csr)
  at(named, 0, 1).children = parseTree(leaf.subjectName).children!
  t.equal(await ask(encodeTree(named), 'relay-8'), 400, 'a name in the request itself')
  const signature = leaf.overlayKey!.signature
  const stolen = { publicKey: victim.keys.overlayKey.publicKey, sign: async () => signature }
  t.equal(
    await ask(await buildCsr({ ...own, overlayKey: stolen }), 'relay-8'),
    400,
    'a PeerId with the proof of its owner',
  )
  const device = { publicKey: victim.keys.deviceKey.publicKey, sign: own.deviceKey.sign.bind(own.deviceKey) }
  t.equal(await ask(await buildCsr({ ...own, deviceKey: device }), 'relay-8'), 400, "another node's device key")
  t.equal(await ask(await buildCsr(victim.keys), 'relay-8'), 403, "another node's own request, under another name")
  t.equal((await ca.status()).issued, issued, 'nothing was issued')
  const thief = { chain: victim.chain, identityKey: own.identityKey as typeof victim.identityKey }
  await t.rejects(bareExchange(url, { path: '/v1/pseudonym', as: thief }), 'a certificate without its key')
})
