import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { equalBytes, SimulatedClock, toHex, utf8 } from '../../core/index.ts'
import { openDatabase, ROOM } from '../../core/store/index.ts'
import {
  type AuditEntry,
  buildCsr,
  decodeToken,
  type EnrollmentAnswer,
  encodeToken,
  makeToken,
} from '../../enrollment/index.ts'
import { MAX_PEERS_LOOKED_AT, TOKEN_RETENTION_MS } from '../../enrollment/limits.ts'
import { initCa, type MeshCa, openCa } from '../../enrollment/store/index.ts'
import { openCaStore } from '../../enrollment/store/level-ca-store.ts'
import { noRevocations, parseChain, validatePath } from '../../records/path/index.ts'
import { makeCsr, makeTestCa, testDependencies, testUnlock } from '../helpers/ca.ts'

const DAY_MS = 24 * 3600 * 1000
const crlUrl = 'https://ca.example/v1/crl'
const { provider, random } = testDependencies()

/** Enrols with a fresh key unless given a request. */
async function enroll(
  ca: MeshCa,
  token: string,
  changes: { csr?: Uint8Array; nodeId?: string; addresses?: string[] } = {},
) {
  const csr = changes.csr ?? (await makeCsr(provider)).csr
  return ca.enroll({ addresses: [], ...changes, token, csr }, { crlUrl })
}

function pathOf(ca: MeshCa, answer: EnrollmentAnswer, atMs: number) {
  const policy = {
    mesh: ca.mesh,
    rootFingerprint: ca.root.fingerprint,
    signaturePolicy: 'hybrid',
    purpose: 'node',
  } as const
  return validatePath({ chain: parseChain(answer.chain), atMs, revocations: noRevocations(), policy }, { provider })
}

/** What the CA made and issued, newest first. */
async function auditOf(ca: MeshCa): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = []
  for await (const entry of ca.audit()) {
    if (entry.event === 'token-created' || entry.event === 'certificate-issued') entries.push(entry)
  }
  return entries
}

t.test('a token becomes a certificate that holds', async (t) => {
  const { ca, dependencies } = await makeTestCa(t, {
    gossipFanout: 8,
    signaturePolicy: 'hybrid',
    bootstrapPeers: ['/dns4/relay.example/tcp/4001'],
  })
  const { token, expiresAtMs } = await ca.createToken({ nodeId: 'relay-7', roles: ['node', 'validator'] })
  const nowMs = dependencies.clock.now()
  t.ok(expiresAtMs > nowMs + DAY_MS - 60_000 && expiresAtMs <= nowMs + DAY_MS)
  const { keys, csr } = await makeCsr(provider)
  const answer = await enroll(ca, token, { csr })
  const path = await pathOf(ca, answer, nowMs)
  t.match(path, { mesh: 'north-grid', nodeId: 'relay-7', roles: ['node', 'validator'] })
  t.strictSame(path.identityKey.spki, keys.identityKey.publicKey.spki)
  t.strictSame(path.deviceKey.spki, keys.deviceKey.publicKey.spki)
  t.match(answer.config, {
    signaturePolicy: 'hybrid',
    gossipFanout: 8,
    crlUrl,
    bootstrapPeers: ['/dns4/relay.example/tcp/4001'],
    pseudonym: { epoch: 1, key: { length: 32 } },
  })
  const status = await ca.status()
  t.match(status, { mesh: 'north-grid', issued: 1, tokens: { open: 0, used: 1, expired: 0 } })
  t.equal(status.root.fingerprint, Buffer.from(ca.root.fingerprint).toString('hex'))
  t.match(await auditOf(ca), [
    { event: 'certificate-issued', nodeId: 'relay-7', serialNumber: path.leaf.serialNumber },
    { event: 'token-created', nodeId: 'relay-7', serialNumber: undefined },
  ])
})

t.test('a hundred keys at once get one certificate from one token', async (t) => {
  const { ca } = await makeTestCa(t)
  const { token } = await ca.createToken({ nodeId: 'relay-7' })
  const csrs = await Promise.all(Array.from({ length: 100 }, async () => (await makeCsr(provider)).csr))
  const results = await Promise.allSettled(csrs.map((csr) => enroll(ca, token, { csr })))
  const codes = results.map((result) => (result.status === 'fulfilled' ? 'issued' : result.reason.code))
  t.equal(codes.filter((code) => code === 'issued').length, 1)
  t.equal(codes.filter((code) => code === 'ENROLLMENT_TOKEN_USED').length, 99)
  t.equal((await ca.status()).issued, 1)
})

t.test('the same key gets the same certificate again, at once and later, and no other key does', async (t) => {
  const clock = new SimulatedClock()
  const { ca, home, dependencies } = await makeTestCa(t, {}, testDependencies({ clock }))
  const { token } = await ca.createToken({ nodeId: 'relay-7', lifetimeMs: 60_000 })
  const { keys, csr } = await makeCsr(provider)
  const answers = await Promise.all([enroll(ca, token, { csr }), enroll(ca, token, { csr })])
  const again = await enroll(ca, token, { csr: await buildCsr(keys), nodeId: 'relay-7' })
  for (const answer of [answers[1]!, again]) t.strictSame(answer.chain, answers[0]!.chain)
  await t.rejects(enroll(ca, token, { csr, nodeId: 'other' }), { code: 'ENROLLMENT_NODE_ID_MISMATCH' })
  clock.jumpTo(clock.now() + DAY_MS)
  t.strictSame((await enroll(ca, token, { csr })).chain, answers[0]!.chain, 'also when the token has expired')
  await t.rejects(enroll(ca, token), { code: 'ENROLLMENT_TOKEN_EXPIRED' })
  await ca.close()

  const reopened = await openCa({ home, unlock: testUnlock() }, dependencies)
  t.teardown(() => reopened.close())
  t.strictSame((await enroll(reopened, token, { csr })).chain, answers[0]!.chain, 'also after a restart')
  t.equal((await reopened.status()).issued, 1)
  t.equal((await auditOf(reopened)).length, 2)
  clock.jumpTo(clock.now() + 7 * DAY_MS)
  await t.rejects(
    enroll(reopened, token, { csr }),
    { code: 'ENROLLMENT_TOKEN_EXPIRED' },
    'not once it has expired itself',
  )
})

t.test('terms of a token', async (t) => {
  const clock = new SimulatedClock()
  const { ca } = await makeTestCa(t, {}, testDependencies({ clock }))
  const bound = await ca.createToken({ nodeId: 'relay-7', lifetimeMs: 1000 })
  await t.rejects(enroll(ca, bound.token, { nodeId: 'relay-8' }), { code: 'ENROLLMENT_NODE_ID_MISMATCH' })
  clock.jumpTo(bound.expiresAtMs)
  await t.rejects(enroll(ca, bound.token), { code: 'ENROLLMENT_TOKEN_EXPIRED' })

  const open = await ca.createToken({ uses: 2 })
  await t.rejects(enroll(ca, open.token), { code: 'ENROLLMENT_NODE_ID_MISSING' })
  for (const nodeId of ['Relay', 'a.b', '-a', 'x'.repeat(64)]) {
    await t.rejects(enroll(ca, open.token, { nodeId }), { code: 'ENROLLMENT_REQUEST_MALFORMED' }, nodeId)
  }
  await t.rejects(enroll(ca, open.token, { nodeId: 'ca' }), { code: 'ENROLLMENT_NODE_ID_TAKEN' })
  t.equal((await ca.status()).tokens.open, 1, 'refusals use nothing up')
  await enroll(ca, open.token, { nodeId: 'relay-1' })
  await t.rejects(enroll(ca, open.token, { nodeId: 'relay-1' }), { code: 'ENROLLMENT_NODE_ID_TAKEN' })
  await enroll(ca, open.token, { nodeId: 'relay-2' })
  await t.rejects(enroll(ca, open.token, { nodeId: 'relay-3' }), { code: 'ENROLLMENT_TOKEN_USED' })
  t.same((await ca.status()).tokens, { open: 0, used: 1, expired: 1 })

  for (const options of [{ uses: 0 }, { uses: 1001 }, { lifetimeMs: 0 }, { lifetimeMs: 31 * DAY_MS }, { roles: [] }]) {
    await t.rejects(ca.createToken(options), TypeError)
  }
  await t.rejects(ca.createToken({ roles: ['node', 'ca'] }), TypeError)
  await t.rejects(ca.createToken({ node: 'x' } as never), TypeError)
  await t.rejects(ca.createToken({ nodeId: 'ca' }), { code: 'ENROLLMENT_NODE_ID_TAKEN' })
  await t.rejects(ca.createToken({ nodeId: 'A' }), { code: 'ENROLLMENT_REQUEST_MALFORMED' })
})

t.test('tokens are forgotten 30 days after they expired, what they gave is not', async (t) => {
  const clock = new SimulatedClock()
  const { ca, home } = await makeTestCa(t, {}, testDependencies({ clock }))
  const { csr } = await makeCsr(provider)
  const spent = await ca.createToken({ uses: 2, lifetimeMs: DAY_MS })
  for (const nodeId of ['relay-1', 'relay-2']) await enroll(ca, spent.token, { nodeId })
  const unspent = await ca.createToken({ lifetimeMs: DAY_MS })
  const later = await ca.createToken({ lifetimeMs: DAY_MS + 1 })
  clock.jumpTo(spent.expiresAtMs + TOKEN_RETENTION_MS - 1)
  const open = await ca.createToken({ nodeId: 'relay-7', lifetimeMs: 30 * DAY_MS })
  t.same((await ca.status()).tokens, { open: 1, used: 1, expired: 2 }, 'a moment before')

  clock.jumpTo(spent.expiresAtMs + TOKEN_RETENTION_MS)
  await ca.createToken()
  t.same((await ca.status()).tokens, { open: 2, used: 1, expired: 2 }, 'looked for once a day')
  await ca.close()
  const reopened = await openCa({ home, unlock: testUnlock() }, testDependencies({ clock }))
  t.teardown(() => reopened.close())
  await reopened.createToken()
  t.same((await reopened.status()).tokens, { open: 3, used: 0, expired: 1 }, 'and after a start')
  await t.rejects(enroll(reopened, unspent.token, { csr }), { code: 'ENROLLMENT_TOKEN_UNKNOWN' })
  await t.rejects(enroll(reopened, later.token, { csr }), { code: 'ENROLLMENT_TOKEN_EXPIRED' })
  t.equal((await reopened.status()).issued, 2)
  t.equal((await auditOf(reopened)).length, 8)
  await enroll(reopened, open.token, { csr })
  clock.jumpTo(open.expiresAtMs + TOKEN_RETENTION_MS)
  await reopened.createToken()
  t.same((await reopened.status()).tokens, { open: 1, used: 0, expired: 0 })
  await reopened.close()

  const database = await openDatabase(join(home, 'db'))
  t.teardown(() => database.close())
  for await (const key of database.room(ROOM.caRedemptions).keys()) t.fail(`redemption ${toHex(key)} is still there`)
})

t.test('a node_id stays with its identity key', async (t) => {
  const { ca, dependencies } = await makeTestCa(t)
  const { csr } = await makeCsr(provider)
  const first = await enroll(ca, (await ca.createToken({ nodeId: 'relay-7' })).token, { csr })
  const second = await ca.createToken({ nodeId: 'relay-7' })
  await t.rejects(enroll(ca, second.token), { code: 'ENROLLMENT_NODE_ID_TAKEN' })
  const renewed = await enroll(ca, second.token, { csr })
  t.notOk(equalBytes(renewed.chain[0]!, first.chain[0]!), 'a new certificate for the same key under a new token')
  t.equal((await pathOf(ca, renewed, dependencies.clock.now())).nodeId, 'relay-7')
  const both = await Promise.all([ca.createToken({ uses: 5 }), ca.createToken({ uses: 5 })])
  const results = await Promise.allSettled(both.map(({ token }) => enroll(ca, token, { nodeId: 'relay-8' })))
  t.equal(results.filter(({ status }) => status === 'fulfilled').length, 1, 'one of two keys at the same time')
})

t.test('tokens that are not of this CA', async (t) => {
  const { ca } = await makeTestCa(t)
  const own = { mesh: ca.mesh, rootFingerprint: ca.root.fingerprint }
  const refused: [string, string][] = [
    [encodeToken(makeToken(own, random)), 'ENROLLMENT_TOKEN_UNKNOWN'],
    [encodeToken(makeToken({ ...own, mesh: 'south-grid' }, random)), 'ENROLLMENT_TOKEN_FOREIGN'],
    [encodeToken(makeToken({ ...own, rootFingerprint: new Uint8Array(32) }, random)), 'ENROLLMENT_TOKEN_FOREIGN'],
    ['gm1.nonsense', 'ENROLLMENT_TOKEN_FORMAT'],
  ]
  for (const [token, code] of refused) {
    await t.rejects(enroll(ca, token, { csr: Uint8Array.of(1) }), { code }, 'before the request is looked at')
  }
  const { token } = await ca.createToken({ nodeId: 'relay-7' })
  await t.rejects(enroll(ca, token, { csr: Uint8Array.of(1) }), { code: 'ENROLLMENT_CSR_MALFORMED' })
})

t.test('secrets of tokens are not on disk', async (t) => {
  const { ca, home } = await makeTestCa(t)
  const { token } = await ca.createToken()
  await ca.close()
  const database = await openDatabase(join(home, 'db'))
  const { secret } = decodeToken(token)
  let values = 0
  for (const prefix of Object.values(ROOM)) {
    for await (const [key, value] of database.room(prefix).entries()) {
      values += 1
      t.notOk(Buffer.concat([key, value]).includes(secret))
    }
  }
  await database.close()
  t.ok(values >= 4)
})

t.test('addresses of enrolled nodes are told to the next ones', async (t) => {
  const { ca } = await makeTestCa(t, { bootstrapPeers: ['/dns4/fixed/tcp/1'] })
  const { token } = await ca.createToken({ uses: 10 })
  const one = ['/ip4/10.0.0.1/tcp/4001']
  t.same((await enroll(ca, token, { nodeId: 'one', addresses: one })).config.bootstrapPeers, ['/dns4/fixed/tcp/1'])
  const two = await enroll(ca, token, { nodeId: 'two', addresses: ['/ip4/10.0.0.2/tcp/4001', '/dns4/fixed/tcp/1'] })
  t.same(two.config.bootstrapPeers, ['/dns4/fixed/tcp/1', ...one])
  const many = Array.from({ length: 16 }, (_, at) => `/ip4/10.0.1.${at}/tcp/4001`)
  await enroll(ca, token, { nodeId: 'three', addresses: many })
  t.equal((await enroll(ca, token, { nodeId: 'four' })).config.bootstrapPeers.length, 16, 'capped')
})

t.test('in a large mesh the CA looks at some nodes only', async (t) => {
  const database = await openDatabase(t.testdir())
  t.teardown(() => database.close())
  const store = await openCaStore(database)
  const peer = (at: number) => {
    const addresses = [`/ip4/10.0.0.1/tcp/${at}`]
    return { kind: 'peer', nodeId: `node-${at}`, peer: { learnedAtMs: at, addresses } } as const
  }
  await store.commit(
    Array.from({ length: MAX_PEERS_LOOKED_AT + 10 }, (_, at) => peer(at)),
    [],
  )
  t.equal((await store.peerAddresses('relay-7')).length, MAX_PEERS_LOOKED_AT)
})

t.test('making and opening', async (t) => {
  const { ca, home, dependencies } = await makeTestCa(t)
  await ca.close()
  const again = { home, unlock: testUnlock(), mesh: 'north-grid' }
  await t.rejects(initCa(again, dependencies), { code: 'ENROLLMENT_CA_EXISTS' })
  const reopened = await openCa({ home, unlock: testUnlock() }, dependencies)
  t.strictSame(reopened.root.der, ca.root.der)
  await t.rejects(openCa({ home, unlock: testUnlock() }, dependencies), { code: 'CORE_STORE_OPEN' }, 'one at a time')
  await reopened.close()
  const nowhere = join(home, 'nowhere')
  await t.rejects(openCa({ home: nowhere, unlock: testUnlock() }, dependencies), { code: 'ENROLLMENT_CA_MISSING' })
  for (const wrong of [
    { mesh: 'North' },
    { gossipFanout: 0 },
    { bootstrapPeers: ['x'] },
    { suite: 'level1' },
    { unknown: 1 },
  ]) {
    await t.rejects(initCa({ ...again, ...wrong } as never, dependencies), TypeError)
  }
})

t.test('an attempt that broke off is completed; a damaged home is not used', async (t) => {
  const { ca, home, dependencies } = await makeTestCa(t)
  await ca.close()
  await rm(join(home, 'db'), { recursive: true })
  await t.rejects(openCa({ home, unlock: testUnlock() }, dependencies), { code: 'ENROLLMENT_CA_MISSING' })
  const other = { home, unlock: testUnlock(), mesh: 'north-grid', suite: 'level3' } as const
  await t.rejects(initCa(other, dependencies), { code: 'ENROLLMENT_CA_EXISTS' }, 'not as a mesh of another suite')
  const completed = await initCa({ home, unlock: testUnlock(), mesh: 'north-grid' }, dependencies)
  t.strictSame(completed.root.spki, ca.root.spki, 'with the keys that were made before')
  await completed.close()
  const database = await openDatabase(join(home, 'db'))
  const state = database.room(ROOM.caState)
  await database.commit([state.put(utf8('settings'), Uint8Array.of(0x82, 1, 0))])
  await database.close()
  await t.rejects(openCa({ home, unlock: testUnlock() }, dependencies), { code: 'ENROLLMENT_CA_DAMAGED' })
  await rm(join(home, 'keystore', 'root-main.key'))
  await rm(join(home, 'db'), { recursive: true })
})
