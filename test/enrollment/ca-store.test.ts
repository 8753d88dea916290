import { join } from 'node:path'
import t from 'tap'
import { encodeCbor, utf8 } from '../../core/index.ts'
import { openDatabase, ROOM } from '../../core/store/index.ts'
import { auditEntry, LOCAL_ACTOR, verifyAudit } from '../../enrollment/index.ts'
import { type MeshCa, openCa } from '../../enrollment/store/index.ts'
import { openCaStore } from '../../enrollment/store/level-ca-store.ts'
import { parseCertificate } from '../../records/path/index.ts'
import { makeTestCa, testDependencies, testUnlock } from '../helpers/ca.ts'
import { enrollMember, rotateMember } from '../helpers/ca-members.ts'
import { caStoreSuite } from './ca-store-suite.ts'

caStoreSuite('LevelDB', async (t) => openCaStore(await openDatabase(t.testdir())))

/** Puts the values of a home into the form in which the first release wrote them, and takes out what it did not write. */
async function makeOld(home: string): Promise<void> {
  const database = await openDatabase(join(home, 'db'))
  const certificates = database.room(ROOM.caCertificates)
  const operations = [database.room(ROOM.caState).delete(utf8('indexed'))]
  const store = await openCaStore(database)
  for await (const { serialNumber, der } of store.certificates()) {
    const keyId = parseCertificate(der).subjectKeyId
    operations.push(certificates.put(serialNumber, encodeCbor([1, 5, 'relay-7', keyId, new Uint8Array(32), der])))
    operations.push(database.room(ROOM.caNames).put(utf8('relay-7'), encodeCbor([1, keyId, serialNumber])))
  }
  for (const prefix of [ROOM.caHolders, ROOM.caKeys, ROOM.caAudit]) {
    for await (const key of database.room(prefix).keys()) operations.push(database.room(prefix).delete(key))
  }
  const audit = encodeCbor([1, 5, 'certificate-issued', 'relay-7', new Uint8Array(32), Uint8Array.of(1)])
  operations.push(database.room(ROOM.caAudit).put(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1), audit))
  await database.commit(operations)
  await database.close()
}

async function statesOf(ca: MeshCa): Promise<string[]> {
  const states: string[] = []
  for await (const { name, state } of ca.list()) states.push(`${name} ${state}`)
  return states.sort()
}

t.test('a home that an earlier release wrote goes on working', async (t) => {
  const dependencies = testDependencies()
  const { provider } = dependencies
  const { ca, home } = await makeTestCa(t)
  const member = await enrollMember(ca, 'relay-7', { provider })
  await ca.close()
  await makeOld(home)
  const reopened = await openCa({ home, unlock: testUnlock() }, dependencies)
  t.teardown(() => reopened.close())
  t.same(await statesOf(reopened), ['relay-7 live'])
  await rotateMember(reopened, member, { provider })
  await reopened.revoke({ nodeId: 'relay-7' }, {}, LOCAL_ACTOR)
  t.same(await statesOf(reopened), ['relay-7 revoked', 'relay-7 revoked'])
  t.ok((await reopened.verifyAudit()).entries > 4)
})

t.test('what a failed write left open is made before anything else is decided', async (t) => {
  const database = await openDatabase(t.testdir())
  let failing = 0
  const store = await openCaStore({
    room: (prefix) => database.room(prefix),
    pendingCommits: 0,
    close: () => database.close(),
    compact: (from, to) => database.compact(from, to),
    commit: (operations) => {
      failing -= 1
      return failing === 0 ? Promise.reject(new RangeError('disk')) : database.commit(operations)
    },
  })
  const value = Uint8Array.of(1)
  const commit = (atMs: number) =>
    store.commit(
      [{ kind: 'fact', name: 'policy', value }],
      [auditEntry({ atMs, event: 'policy-changed', actor: LOCAL_ACTOR })],
    )
  failing = 1
  await t.rejects(commit(1), RangeError)
  t.equal(await store.fact('policy'), undefined)
  t.strictSame(await store.locked(['x'], () => store.fact('policy')), value)
  t.strictSame(await store.fact('policy'), value, 'and from then on')
  failing = 1
  await t.rejects(commit(2), RangeError)
  await commit(3)
  t.equal((await verifyAudit(store.audit('oldest-first'))).entries, 3, 'the chain has no gap')
  await store.close()
})

t.test('what is kept in memory is there again after opening', async (t) => {
  const database = await openDatabase(t.testdir())
  const store = await openCaStore(database)
  const certificate = (name: string, number: number) => {
    const about = {
      kind: 'issuing',
      name,
      serialNumber: Uint8Array.of(number),
      identityKeyId: new Uint8Array(32),
    } as const
    const rest = {
      issuedAtMs: 1,
      notBeforeMs: 1,
      notAfterMs: 100,
      roles: ['ca'],
      labels: [],
      der: Uint8Array.of(1),
    } as const
    return { kind: 'certificate', issued: { ...about, ...rest, tokenId: undefined, renews: undefined } } as const
  }
  const peer = (nodeId: string, learnedAtMs: number) =>
    ({ kind: 'peer', nodeId, peer: { learnedAtMs, addresses: [`/dns4/${nodeId}/tcp/1`] } }) as const
  const value = Uint8Array.of(7)
  const changes = [certificate('issuing-1', 1), certificate('issuing-2', 2), peer('b', 2), peer('a', 3), peer('c', 1)]
  await store.commit([...changes, { kind: 'fact', name: 'approvals', value }], [])
  const revoked = { authorityKeyId: new Uint8Array(32), keyHash: new Uint8Array(32), issuedAtMs: 1, notAfterMs: 100 }
  const why = { sequence: 1, revokedAtMs: 2, reason: 'superseded', invalidityMs: undefined } as const
  const which = { kind: 'issuing', name: 'issuing-2', serialNumber: Uint8Array.of(2) } as const
  await store.commit([{ kind: 'revocation', revocation: { ...revoked, ...why, ...which } }], [])
  const reopened = await openCaStore(database)
  t.strictSame(await reopened.fact('approvals'), value)
  t.same([...(await reopened.liveHolders('issuing', 50))], ['issuing-1'])
  t.same(await reopened.peerAddresses('b'), ['/dns4/a/tcp/1', '/dns4/c/tcp/1'], 'learned last comes first')
  await store.commit([peer('c', 9)], [])
  t.same(await store.peerAddresses('b'), ['/dns4/c/tcp/1', '/dns4/a/tcp/1'])
  await store.close()
})
