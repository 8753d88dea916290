import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { cp } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { createServer } from 'node:tls'
import t from 'tap'
import { SimulatedClock } from '../../core/index.ts'
import type { SuiteName } from '../../crypto/index.ts'
import {
  approveRootChange,
  fetchList,
  fetchPseudonym,
  getPolicy,
  requestEnrollment,
  requestOperatorRotation,
  requestRevocation,
  requestRotation,
  requestToken,
  serveCa,
  setPolicy,
} from '../../enrollment/api/index.ts'
import { parseCrl } from '../../enrollment/crl/index.ts'
import { buildCsr, buildMemberCsr, DEFAULT_POLICY, LOCAL_ACTOR } from '../../enrollment/index.ts'
import { type MeshCa, openCa } from '../../enrollment/store/index.ts'
import { makeRequestKeys, makeTestCa, testDependencies, testUnlock } from '../helpers/ca.ts'
import {
  addressOf,
  bareExchange,
  barePost,
  callerOf,
  makeNode,
  makeOperator,
  memberOf,
  serveTestCa,
  type TestMember,
} from '../helpers/ca-api.ts'

const DAY_MS = 86_400_000

/** Names of the certificates that are revoked. */
async function revokedNames(ca: MeshCa): Promise<string[]> {
  const names: string[] = []
  for await (const { name } of ca.list({ state: 'revoked' })) names.push(name)
  return names.sort()
}

t.test('a node changes its certificate, again and again', async (t) => {
  const { ca, url, dependencies } = await serveTestCa(t)
  const { provider } = dependencies
  const node = await makeNode(ca, 'relay-7', provider)
  const keys = { ...node.keys, identityKey: await provider.generate('ml-dsa-87') }
  const suites: SuiteName[] = []
  const makeCsr = (suite: SuiteName) => {
    suites.push(suite)
    return buildCsr(keys)
  }
  const rotated = await requestRotation({ ...callerOf(ca, url, node), makeCsr }, dependencies)
  t.same(suites, ['ml-dsa-87'], 'told which key the mesh takes')
  t.equal(rotated.path.nodeId, 'relay-7')
  t.strictSame(rotated.path.leaf.spki, keys.identityKey.publicKey.spki)
  t.strictSame(rotated.chain.at(-1), ca.root.der)
  t.equal(rotated.notAfterMs, rotated.path.leaf.notAfterMs)
  t.equal(rotated.grace, undefined)
  const again = await requestRotation({ ...callerOf(ca, url, node), makeCsr }, dependencies)
  t.strictSame(again.chain, rotated.chain, 'the same key gets the same certificate')

  const next = memberOf('relay-7', rotated.chain, keys)
  const root = { root: ca.root, chain: rotated.chain.slice(0, -1) }
  const third = { ...keys, identityKey: await provider.generate('ml-dsa-87') }
  const asked = { ...callerOf(ca, url, next), ...root, makeCsr: () => buildCsr(third) }
  t.equal((await requestRotation(asked, dependencies)).path.nodeId, 'relay-7', 'with the root apart from the chain')
  const rootless = { ...asked, root: undefined }
  await t.rejects(requestRotation(rootless, dependencies), TypeError)
  await t.rejects(requestRotation({ ...asked, retries: 1 } as never, dependencies), TypeError)
})

t.test('what a renewal is refused for', async (t) => {
  const clock = new SimulatedClock()
  const { ca, url, home, dependencies } = await serveTestCa(t, {}, { changes: { clock } })
  const { provider } = dependencies
  const node = await makeNode(ca, 'relay-7', provider)
  const other = await makeNode(ca, 'relay-8', provider)
  const fresh = async () => ({ ...node.keys, identityKey: await provider.generate('ml-dsa-87') })
  const rotate = (as: TestMember, csr: Uint8Array) =>
    requestRotation({ ...callerOf(ca, url, as), makeCsr: async () => csr }, dependencies)
  const refused = { code: 'ENROLLMENT_REFUSED', metadata: { status: 403 } }
  await t.rejects(rotate(node, await buildCsr(other.keys)), refused, "another node's keys")
  await t.rejects(rotate(node, await buildCsr(node.keys)), refused, 'the same identity key')
  const otherPeer = { ...(await fresh()), overlayKey: await provider.generate('ed25519') }
  await t.rejects(rotate(node, await buildCsr(otherPeer)), refused, 'another PeerId')
  const { ca: foreign } = await makeTestCa(t, { home: join(home, 'foreign') }, dependencies)
  const stranger = await makeNode(foreign, 'relay-7', provider)
  const lying = { ...callerOf(ca, url, stranger), chain: [stranger.chain[0]!, ca.root.der] }
  const unknown = { code: 'ENROLLMENT_UNAUTHENTICATED', metadata: { status: 401 } }
  const csr = await buildCsr(await fresh())
  await t.rejects(requestRotation({ ...lying, makeCsr: async () => csr }, dependencies), unknown, 'a foreign leaf')

  await t.test('after its end: with grace, until that is over', async (t) => {
    await clock.advance(8 * DAY_MS)
    const back = await rotate(node, await buildCsr(await fresh()))
    t.same(back.grace, { used: 1, left: 2 })
    // In steps in which the server renews its own certificate.
    for (let step = 0; step < 4; step += 1) {
      await clock.advance(10 * DAY_MS)
      await setTimeout(100)
    }
    await t.rejects(rotate(other, await buildCsr({ ...other.keys, identityKey: (await fresh()).identityKey })), refused)
  })
  await t.test('never when revoked', async (t) => {
    const gone = await makeNode(ca, 'gone', provider)
    await ca.revoke({ nodeId: 'gone' }, { reason: 'cessationOfOperation' }, LOCAL_ACTOR)
    await t.rejects(rotate(gone, await buildCsr({ ...gone.keys, identityKey: (await fresh()).identityKey })), refused)
    await t.rejects(fetchPseudonym(callerOf(ca, url, gone), dependencies), refused)
  })
})

t.test('a false CA learns nothing and is not believed', async (t) => {
  const { ca, home, dependencies } = await serveTestCa(t)
  const { provider } = dependencies
  const node = await makeNode(ca, 'relay-7', provider)
  const { ca: stranger } = await makeTestCa(t, { home: join(home, 'stranger') })
  const server = await serveCa({ ca: stranger, port: 0 }, dependencies)
  t.teardown(() => server.close())
  let asked = false
  const makeCsr = async () => {
    asked = true
    return new Uint8Array()
  }
  const untrusted = { code: 'ENROLLMENT_SERVER_UNTRUSTED' }
  const caller = callerOf(ca, server.url, node)
  await t.rejects(requestRotation({ ...caller, makeCsr }, dependencies), untrusted)
  t.notOk(asked)
  await t.rejects(fetchPseudonym(caller, dependencies), untrusted)
  await t.rejects(fetchList({ ...addressOf(ca, server.url), kind: 'full' }, dependencies), untrusted)
  await t.rejects(requestToken({ ...caller, token: {} }, dependencies), untrusted)
})

t.test('an answer to nothing that was asked is no list', async (t) => {
  const { ca, dependencies } = await serveTestCa(t)
  const { certificateChain: cert, privateKey: key } = await ca.issueServerIdentity()
  let status = '304 Not Modified'
  const server = createServer({ cert, key }, (socket) => {
    socket.on('error', () => undefined).once('data', () => socket.end(`HTTP/1.1 ${status}\r\n\r\n`))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const at = { ...addressOf(ca, `https://127.0.0.1:${port}`), kind: 'full' } as const
  const malformed = { code: 'ENROLLMENT_ANSWER_MALFORMED' }
  await t.rejects(fetchList(at, dependencies), malformed, 'unchanged, of a caller that holds none')
  t.equal(await fetchList({ ...at, etag: '"x"' }, dependencies), 'unchanged')
  status = '204 No Content'
  await t.rejects(fetchList(at, dependencies), malformed)
})

t.test('the pseudonym key, of the present epoch', async (t) => {
  const { ca, url, dependencies } = await serveTestCa(t)
  const node = await makeNode(ca, 'relay-7', dependencies.provider)
  await ca.lists()
  const first = await fetchPseudonym(callerOf(ca, url, node), dependencies)
  t.strictSame(first, await ca.pseudonym())
  await makeNode(ca, 'gone', dependencies.provider)
  await ca.revoke({ nodeId: 'gone' }, {}, LOCAL_ACTOR)
  const second = await fetchPseudonym(callerOf(ca, url, node), dependencies)
  t.equal(second.epoch, first.epoch + 1, 'a revocation changes it')
  t.notSame(second.key, first.key)
})

t.test('revocation lists by HTTP', async (t) => {
  const { ca, url, dependencies } = await serveTestCa(t)
  const at = addressOf(ca, url)
  const list = await fetchList({ ...at, kind: 'full' }, dependencies)
  if (list === undefined || list === 'unchanged') return t.fail('there is a list')
  t.equal(parseCrl(list.der).number, (await ca.lists())[0]?.full.number)
  t.match(list.etag, /^"[0-9a-f]{64}"$/, 'strong')
  t.equal(await fetchList({ ...at, kind: 'full', etag: list.etag }, dependencies), 'unchanged')
  const authority = ca.root.subjectKeyId
  const same = await fetchList({ ...at, url: `${url}/v1/crl`, kind: 'full', authority }, dependencies)
  t.same(same, list, 'by its authority, and by the URL that nodes are told')
  t.equal(await fetchList({ ...at, kind: 'full', authority: new Uint8Array(32) }, dependencies), undefined)

  await makeNode(ca, 'gone', dependencies.provider)
  const [revoked] = await ca.revoke({ nodeId: 'gone' }, { reason: 'keyCompromise' }, LOCAL_ACTOR)
  const newer = await fetchList({ ...at, kind: 'full', etag: list.etag }, dependencies)
  if (newer === undefined || newer === 'unchanged') return t.fail('there is a newer list')
  t.same(
    [...parseCrl(newer.der).entries].map(({ serialNumber }) => serialNumber),
    [revoked?.serialNumber],
  )
  const delta = await fetchList({ ...at, kind: 'delta' }, dependencies)
  if (delta === undefined || delta === 'unchanged') return t.fail('there is a delta')
  t.equal(parseCrl(delta.der).kind, 'delta')

  await t.test('forms and caching', async (t) => {
    const get = (headers: Record<string, string>, path = '/v1/crl') => bareExchange(url, { path, headers })
    const der = await get({})
    t.equal(der.headers['content-type'], 'application/pkix-crl')
    t.equal(der.headers.etag, `"${createHash('sha256').update(der.body).digest('hex')}"`)
    t.match(der.headers['cache-control'], /^public, max-age=(?:[1-9]\d?|[12]\d\d|300)$/)
    t.equal(Date.parse(der.headers['last-modified'] ?? ''), parseCrl(der.body).thisUpdateMs)
    t.equal(der.headers.vary, 'accept')
    const pem = await get({ accept: 'application/x-pem-file' })
    t.match(pem.body.toString(), /^-----BEGIN X509 CRL-----\n/)
    t.not(pem.headers.etag, der.headers.etag, 'another representation')
    const accepts: [string, string][] = [
      ['application/pkix-crl;q=0.5, application/x-pem-file', 'application/x-pem-file'],
      ['application/x-pem-file;q=0.1, application/pkix-crl', 'application/pkix-crl'],
      ['*/*', 'application/pkix-crl'],
      ['text/html', 'application/pkix-crl'],
      ['application/x-pem-file;q=nonsense', 'application/pkix-crl'],
      ['application/x-pem-file;q=5, application/pkix-crl', 'application/pkix-crl'],
      ['application/x-pem-file;q=0x1', 'application/pkix-crl'],
      ['application/x-pem-file;q=0.5, */*', 'application/pkix-crl'],
      ['application/x-pem-file, */*;q=0.1', 'application/x-pem-file'],
      ['application/x-pem-file;q=0.5, application/pkix-crl;q=0.1, */*', 'application/x-pem-file'],
    ]
    for (const [accept, type] of accepts)
      t.equal((await get({ accept })).headers['content-type']?.split(';')[0], type, accept)
    for (const known of [der.headers.etag, '*', `W/${der.headers.etag}`, `"x", ${der.headers.etag}`]) {
      const { status, body, headers } = await get({ 'if-none-match': known ?? '' })
      t.equal(status, 304, `${known}`)
      t.equal(body.length, 0)
      t.equal(headers.etag, der.headers.etag)
    }
    t.equal((await get({ 'if-none-match': '"x"' })).status, 200)
    for (const accept of ['application/pkix-crl', 'application/x-pem-file']) {
      const whole = await get({ accept })
      const head = await bareExchange(url, { method: 'HEAD', path: '/v1/crl', headers: { accept } })
      t.equal(head.body.length, 0)
      for (const { headers } of [head, whole]) delete headers.date
      t.same(head.headers, whole.headers, 'HEAD says what GET would')
    }
    t.equal((await bareExchange(url, { method: 'HEAD', path: '/v1/crl?authority=a' })).status, 404)
    t.equal((await bareExchange(url, { method: 'HEAD', path: '/v1/pseudonym' })).status, 401, 'for whom GET is')
    t.equal((await get({}, '/v1/crl?authority=nonsense')).status, 404)
    t.equal((await get({}, '/v1/crl?authority=a&authority=b')).status, 404)
  })
})

t.test('an operator instructs the CA', async (t) => {
  const { ca, url, dependencies } = await serveTestCa(t)
  const { provider } = dependencies
  const operator = await makeOperator(ca, 'alice', provider)
  const caller = callerOf(ca, url, operator)
  const terms = { nodeId: 'relay-7', uses: 2, labels: ['harbour'], roles: ['validator'] as const, lifetimeMs: 60_000 }
  const { token, expiresAtMs } = await requestToken({ ...caller, token: terms }, dependencies)
  t.ok(token.startsWith('gm1.north-grid.'))
  t.ok(Math.abs(expiresAtMs - dependencies.clock.now() - 60_000) < 5_000)
  const csr = await buildCsr(await makeRequestKeys(provider))
  await ca.enroll({ token, csr, addresses: [] }, { crlUrl: url })
  const gone = await makeNode(ca, 'gone', provider)
  await makeOperator(ca, 'mallory', provider)
  await requestRevocation({ ...caller, target: { serialNumber: gone.serialNumber } }, dependencies)
  const since = dependencies.clock.now() - DAY_MS
  const compromised = { reason: 'keyCompromise', invalidityMs: since } as const
  await requestRevocation({ ...caller, target: { nodeId: 'relay-7' }, ...compromised }, dependencies)
  await requestRevocation({ ...caller, target: { operator: 'mallory' } }, dependencies)
  t.same(await revokedNames(ca), ['gone', 'mallory', 'relay-7'])
  const nobody = { code: 'ENROLLMENT_NOT_FOUND', metadata: { status: 404 } }
  for (const target of [{ nodeId: 'nobody' }, { operator: 'nobody' }, { serialNumber: Uint8Array.of(1) }]) {
    await t.rejects(requestRevocation({ ...caller, target }, dependencies), nobody)
  }
  const refused = { code: 'ENROLLMENT_REFUSED', metadata: { status: 400 } }
  const early = { ...caller, target: { nodeId: 'gone' }, invalidityMs: -1000 }
  await t.rejects(requestRevocation(early, dependencies), refused, 'a time that the CA does not keep')
  await t.rejects(requestToken({ ...caller, token: { labels: ['two words'] } }, dependencies), refused)
  await t.rejects(requestToken({ ...caller, token: { roles: [] } }, dependencies), refused)
  const policy = { ...DEFAULT_POLICY, allow: ['relay-1', 'relay-2'], maxNodes: 7, namePattern: 'relay-*' }
  await setPolicy({ ...caller, policy }, dependencies)
  t.same(await getPolicy(caller, dependencies), policy)
  t.same(await ca.policy(), policy)
  const most = { ...DEFAULT_POLICY, allow: Array.from({ length: 10_000 }, (_, at) => `${'n'.repeat(57)}-${at}`) }
  await setPolicy({ ...caller, policy: most }, dependencies)
  t.equal((await getPolicy(caller, dependencies)).allow?.length, 10_000, 'as long as a policy can be')
  const bad = { ...DEFAULT_POLICY, graceCount: -1 }
  await t.rejects(setPolicy({ ...caller, policy: bad }, dependencies), {
    code: 'ENROLLMENT_REFUSED',
    metadata: { status: 400 },
  })
  t.same(await approveRootChange(caller, dependencies), { approvedBy: ['alice'], needed: 2 })
  const by: string[] = []
  for await (const { actor } of ca.audit()) if (actor.kind === 'operator') by.push(actor.name)
  t.ok(by.length >= 7 && by.every((name) => name === 'alice'), 'all of it in the audit, with her name')
})

t.test('an operator changes its certificate', async (t) => {
  const { ca, url, dependencies } = await serveTestCa(t)
  const { provider } = dependencies
  const operator = await makeOperator(ca, 'alice', provider)
  const keys = { ...operator.keys, identityKey: await provider.generate('ml-dsa-87') }
  const makeCsr = async () => ({ csr: await buildMemberCsr(keys), spki: keys.identityKey.publicKey.spki })
  const { chain } = await requestOperatorRotation({ ...callerOf(ca, url, operator), makeCsr }, dependencies)
  const next = memberOf('alice', chain, keys)
  t.same(await getPolicy(callerOf(ca, url, next), dependencies), await ca.policy())
  const otherKey = async () => ({ ...(await makeCsr()), spki: operator.keys.identityKey.publicKey.spki })
  const wrong = requestOperatorRotation({ ...callerOf(ca, url, operator), makeCsr: otherKey }, dependencies)
  await t.rejects(wrong, { code: 'ENROLLMENT_ANSWER_WRONG' })
})

t.test('a policy that wants proof of the device refuses who has none', async (t) => {
  const { ca, url, dependencies } = await serveTestCa(t)
  await ca.setPolicy({ ...DEFAULT_POLICY, attestation: 'required' }, LOCAL_ACTOR)
  const { token } = await ca.createToken()
  const csr = Buffer.from(await buildCsr(await makeRequestKeys(dependencies.provider))).toString('base64')
  const asked = { token, csr, node_id: 'relay-7' }
  t.equal((await barePost(url, '/v1/enroll', asked)).status, 403)
  const claimed = { ...asked, attestation: { type: 'tpm', payload: 'trust me' } }
  t.equal((await barePost(url, '/v1/enroll', claimed)).status, 403, 'a claim is no proof')
  await ca.setPolicy(DEFAULT_POLICY, LOCAL_ACTOR)
  t.equal((await barePost(url, '/v1/enroll', asked)).status, 200, 'the token was not used up; the request is base64')
})

t.test('a CA on an old backup says that it decides nothing for now', async (t) => {
  const dependencies = testDependencies()
  const home = join(t.testdir(), 'ca')
  const { ca: made } = await makeTestCa(t, { home }, dependencies)
  const node = await makeNode(made, 'relay-7', dependencies.provider)
  const { token } = await made.createToken({ nodeId: 'relay-8' })
  await made.close()
  await cp(home, `${home}-backup`, { recursive: true })
  const lost = await openCa({ home, unlock: testUnlock() }, dependencies)
  const [list] = await lost.lists()
  await lost.close()
  const ca = await openCa({ home: `${home}-backup`, unlock: testUnlock() }, dependencies)
  t.teardown(() => ca.close())
  const server = await serveCa({ ca, port: 0 }, dependencies)
  t.teardown(() => server.close())
  await t.rejects(ca.importList(list!.full.der), { code: 'ENROLLMENT_CA_BEHIND' })
  const resting = { code: 'ENROLLMENT_UNAVAILABLE', metadata: { status: 503 } }
  const makeCsr = async () => buildCsr(await makeRequestKeys(dependencies.provider))
  const enrolment = { url: server.url, token, makeCsr }
  await t.rejects(requestEnrollment(enrolment, dependencies), resting)
  const renewed = { ...node.keys, identityKey: await dependencies.provider.generate('ml-dsa-87') }
  const rotation = { ...callerOf(ca, server.url, node), makeCsr: () => buildCsr(renewed) }
  await t.rejects(requestRotation(rotation, dependencies), resting)
  await ca.restored(LOCAL_ACTOR)
  t.equal((await requestRotation(rotation, dependencies)).path.nodeId, 'relay-7')
})
