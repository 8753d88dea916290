/** What every store of a CA must do: run with a way to open the same store again and again. */
import t, { type Test } from 'tap'
import { auditEntry, LOCAL_ACTOR, verifyAudit } from '../../enrollment/index.ts'
import { MAX_WAITING_REDEMPTIONS } from '../../enrollment/limits.ts'
import type { CaChange, CaStore } from '../../enrollment/store/ca-store.ts'
import type { HolderKind } from '../../enrollment/store/ca-types.ts'
import type { IssuedCertificate, StoredRevocation } from '../../enrollment/store/issued-format.ts'
import type { ListRecord } from '../../enrollment/store/list-record.ts'

const id = (byte: number) => new Uint8Array(32).fill(byte)
const serial = (...bytes: number[]) => Uint8Array.from(bytes)
const entry = (atMs: number) => auditEntry({ atMs, event: 'token-created', actor: LOCAL_ACTOR })

function issued(name: string, serialNumber: Uint8Array, changes: Partial<IssuedCertificate> = {}): IssuedCertificate {
  const times = { issuedAtMs: 5, notBeforeMs: 1, notAfterMs: 100 }
  const about = { kind: 'node', identityKeyId: id(1), tokenId: id(2), renews: undefined, labels: ['a'] } as const
  return { ...times, ...about, roles: ['node'], der: Uint8Array.of(1, 2), name, serialNumber, ...changes }
}

function revocation(name: string, serialNumber: Uint8Array, sequence: number): StoredRevocation {
  const about = { authorityKeyId: id(7), keyHash: id(1), kind: 'node', issuedAtMs: 5, notAfterMs: 100 } as const
  return { ...about, name, serialNumber, sequence, revokedAtMs: 50, reason: 'superseded', invalidityMs: undefined }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** @param open opens the store of one test; what was there stays */
export function caStoreSuite(name: string, open: (t: Test) => Promise<CaStore>): void {
  const test = (what: string, run: (t: Test, store: CaStore) => Promise<void>) =>
    t.test(`${name}: ${what}`, async (t) => {
      const store = await open(t)
      try {
        await run(t, store)
      } finally {
        await store.close()
      }
    })
  const put = (store: CaStore, ...changes: CaChange[]) => store.commit(changes, [])

  test('values, and what is not there', async (t, store) => {
    t.equal(await store.fact('policy'), undefined)
    await put(store, { kind: 'fact', name: 'policy', value: Uint8Array.of(1) })
    t.strictSame(await store.fact('policy'), Uint8Array.of(1))
    await put(store, { kind: 'fact', name: 'policy', value: undefined })
    t.equal(await store.fact('policy'), undefined)
    t.equal(await store.token(id(1)), undefined)
    t.equal(await store.certificate(serial(1)), undefined)
    t.equal(await store.revocation(serial(1)), undefined)
    t.equal(await store.owner('a'), undefined)
    t.equal(await store.list(id(1), 'full'), undefined)
    const owner = { identityKeyId: id(1), serialNumber: serial(1), memberSinceMs: 3, graceUsed: 1 }
    await put(store, { kind: 'owner', nodeId: 'a', owner })
    t.strictSame(await store.owner('a'), owner)
  })

  test('tokens and who redeemed them', async (t, store) => {
    const terms = { createdAtMs: 1, expiresAtMs: 9, uses: 2, used: 0, nodeId: 'a', labels: ['x'] }
    const token = { ...terms, roles: ['node'] as const, attestation: 'required' as const }
    const redemption = { kind: 'redemption', tokenId: id(1), identityKeyId: id(3), serialNumber: serial(4) } as const
    await put(store, { kind: 'token', tokenId: id(1), token }, redemption)
    await put(store, { kind: 'token', tokenId: id(2), token: { ...token, nodeId: undefined } })
    t.strictSame(await store.token(id(1)), token)
    t.strictSame(await store.redemption(id(1), id(3)), serial(4))
    t.equal((await all(store.tokens())).length, 2)
    await put(store, { kind: 'forget-token', tokenId: id(1) })
    t.equal(await store.redemption(id(1), id(3)), undefined)
    t.strictSame(
      (await all(store.tokens())).map(([tokenId]) => tokenId),
      [id(2)],
    )
  })

  test('certificates by serial number, holder and key', async (t, store) => {
    const [one, two] = [issued('a', serial(1)), issued('a', serial(1, 2), { identityKeyId: id(9), renews: serial(1) })]
    const others = [issued('ab', serial(3)), issued('a', serial(4), { kind: 'operator', tokenId: undefined })]
    await put(store, ...[one, two, ...others].map((each): CaChange => ({ kind: 'certificate', issued: each })))
    t.strictSame(await store.certificate(serial(1, 2)), two)
    t.equal(await store.countCertificates(), 4)
    t.equal((await all(store.certificates())).length, 4)
    const held = await store.certificatesOf('node', 'a')
    t.same(held.map(({ serialNumber }) => [...serialNumber]).sort(), [[1], [1, 2]])
    t.match(held[0], { issuedAtMs: 5, notAfterMs: 100, revoked: false })
    t.strictSame(await store.certificatesOver(id(9)), [serial(1, 2)])
    const live = async (kind: HolderKind, nowMs: number) => [...(await store.liveHolders(kind, nowMs))].sort()
    t.same(await live('node', 100), ['a', 'ab'])
    t.same(await live('node', 101), [])
    t.same(await live('operator', 1), ['a'])
    await put(store, { kind: 'revocation', revocation: revocation('ab', serial(3), 1) })
    t.same(await live('node', 100), ['a'])
    const below = issued('issuing-1', serial(6), { kind: 'issuing' })
    await put(store, { kind: 'certificate', issued: below })
    t.same(await live('issuing', 100), ['issuing-1'])
    t.same(await live('issuing', 101), [])
    const over = { ...revocation('issuing-1', serial(6), 2), kind: 'issuing' } as const
    await put(store, { kind: 'revocation', revocation: over })
    t.same(await live('issuing', 100), [])
  })

  test('a certificate is forgotten with its entries everywhere', async (t, store) => {
    const [one, two] = [issued('a', serial(1)), issued('a', serial(2), { notAfterMs: 200 })]
    const other = issued('b', serial(3))
    await put(store, ...[one, two, other].map((each): CaChange => ({ kind: 'certificate', issued: each })))
    const held = await all(store.heldCertificates('node'))
    t.same(
      held.map(({ name, notAfterMs }) => [name, notAfterMs]),
      [
        ['a', 100],
        ['a', 200],
        ['b', 100],
      ],
    )
    t.same(await all(store.heldCertificates('operator')), [])
    await put(store, { kind: 'forget-certificate', issued: one })
    t.equal(await store.certificate(serial(1)), undefined)
    t.equal((await store.certificatesOf('node', 'a')).length, 1)
    t.strictSame(await store.certificatesOver(id(1)), [serial(2), serial(3)])
    t.equal(await store.countCertificates(), 2)
  })

  test('revocations in their order, one for a certificate', async (t, store) => {
    const [one, two] = [revocation('a', serial(1), 1), revocation('b', serial(2), 2)]
    await put(store, { kind: 'revocation', revocation: two }, { kind: 'revocation', revocation: one })
    t.strictSame(await all(store.revocations(0)), [one, two])
    t.strictSame(await all(store.revocations(1)), [two])
    const worse = { ...one, sequence: 300, reason: 'keyCompromise', invalidityMs: 7 } as const
    await put(store, { kind: 'revocation', revocation: worse })
    t.strictSame(await all(store.revocations(0)), [two, worse])
    t.strictSame(await store.revocation(serial(1)), worse)
  })

  test('lists of any size, each in place of the one before', async (t, store) => {
    const list = { number: 2n ** 140n, thisUpdateMs: 1000, nextUpdateMs: 2000, hash: id(4), sizeBytes: 3 }
    const record: ListRecord = {
      ...{ authorityKeyId: id(7), own: true, number: 2n ** 140n, covers: 5 },
      ...{ base: { number: 0n, covers: 0 }, full: list, delta: undefined },
    }
    const large = new Uint8Array(300_000).fill(5)
    await put(store, { kind: 'list', record, full: large })
    t.strictSame(await store.list(id(7), 'full'), large)
    const small = Uint8Array.of(1, 2, 3)
    const later = { ...record, own: false, base: undefined, delta: list }
    await put(store, { kind: 'list', record: later, full: small, delta: large })
    await put(store, { kind: 'list', record: { ...record, authorityKeyId: id(8) }, full: large })
    t.strictSame(await store.list(id(7), 'full'), small)
    t.strictSame(await store.list(id(7), 'delta'), large)
    await put(store, { kind: 'list', record: later })
    t.strictSame(await store.list(id(7), 'full'), small, 'what is left out stays')
    t.strictSame(await store.listRecords(), [later, { ...record, authorityKeyId: id(8) }])
  })

  test('a commit is whole, and its entries are chained in the order of commits', async (t, store) => {
    const commits = Array.from({ length: 200 }, (_, at) =>
      store.commit([{ kind: 'peer', nodeId: `node-${at}`, peer: { learnedAtMs: at, addresses: ['/a'] } }], [entry(at)]),
    )
    await Promise.all(commits)
    await store.commit([], [entry(200), entry(201)])
    const chain = await all(store.audit('oldest-first'))
    t.equal((await verifyAudit(chain)).entries, 202)
    t.strictSame((await all(store.audit('newest-first'))).reverse(), chain)
    t.equal((await store.peerAddresses('node-3')).length, 199)
  })

  test('tasks with one name follow each other, others do not wait, all excludes every one', async (t, store) => {
    const order: string[] = []
    const task = (what: string) => async () => {
      order.push(`${what} begins`)
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
      order.push(`${what} ends`)
      if (what === 'b') throw new RangeError('b')
      return what
    }
    const runs = [
      store.locked(['x'], task('a')),
      store.locked(['x', 'y'], task('b')),
      store.locked(['z'], task('c')),
      store.locked('all', task('d')),
      store.locked(['y'], task('e')),
    ]
    await t.rejects(runs[1]!, RangeError)
    t.same(await Promise.all([runs[0], runs[2], runs[3], runs[4]]), ['a', 'c', 'd', 'e'])
    const at = (what: string) => order.indexOf(what)
    t.ok(at('a ends') < at('b begins') && at('c begins') < at('a ends'))
    t.ok(at('b ends') < at('d begins') && at('c ends') < at('d begins') && at('d ends') < at('e begins'))
    let release = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const waiting = Array.from({ length: MAX_WAITING_REDEMPTIONS }, () => store.locked(['w'], () => gate))
    await t.rejects(
      store.locked(['v'], async () => undefined),
      { code: 'ENROLLMENT_BUSY' },
    )
    release()
    await Promise.all(waiting)
  })
}
