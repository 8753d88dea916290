import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { type Database, openDatabase, ROOM } from '../../core/store/index.ts'
import { type RevocationList, RevocationState } from '../../enrollment/crl/index.ts'
import { ENROLLMENT_ERRORS } from '../../enrollment/errors.ts'
import { LIST_CHUNK_BYTES } from '../../enrollment/limits.ts'
import { type ListStore, openListStore } from '../../enrollment/store/index.ts'
import { decodeListState, encodeListState } from '../../enrollment/store/list-format.ts'
import { entry, HOUR_MS, makeCa, NOW_MS, serial } from '../helpers/crl.ts'

const ca = await makeCa()
const authorityKeyId = ca.certificate.subjectKeyId
const LATER_MS = NOW_MS + HOUR_MS
const many = (count: number) => Array.from({ length: count }, (_, at) => entry(serial(1, at >> 8, at & 0xff)))
const at = (seconds: number) => ({ thisUpdateMs: NOW_MS + seconds * 1000 })
const full = await ca.list({ number: 5n, entries: many(3000), ...at(5) })
const delta = await ca.list({ number: 6n, baseNumber: 5n, entries: [entry(serial(2))], ...at(6) })
const early = await ca.list({ number: 9n, baseNumber: 8n, entries: [entry(serial(3))], ...at(9) })
const newer = await ca.list({ number: 12n, entries: many(10), ...at(12) })
const empty = RevocationState.empty(authorityKeyId)

async function open(t: Test, path = t.testdir()): Promise<{ database: Database; store: ListStore; path: string }> {
  const database = await openDatabase(join(path, 'db'))
  t.teardown(() => database.close())
  return { database, store: openListStore(database), path }
}

function after(state: RevocationState, ...lists: RevocationList[]): RevocationState {
  return lists.reduce((before, list) => before.apply(list, LATER_MS).state, state)
}

async function count(database: Database): Promise<number> {
  let chunks = 0
  for await (const _ of database.room(ROOM.listChunks).keys()) chunks += 1
  return chunks
}

t.test('states survive a restart', async (t) => {
  const { database, store, path } = await open(t)
  t.same(await store.load(), [])
  await store.save(after(empty, full), [full])
  await store.save(after(empty, full, delta, early), [delta, early])
  await database.close()
  const [state, ...others] = await (await open(t, path)).store.load()
  t.same(others, [])
  t.match(state, { number: 6n, full: { number: 5n }, deltas: [{ number: 6n }], held: [{ number: 9n }] })
  t.strictSame([...state!.entries], [...after(empty, full, delta).entries])
  t.strictSame(state!.find({ serialNumber: serial(2), subjectKeyId: new Uint8Array(32) }), {
    revokedAtMs: NOW_MS,
    keyCompromise: false,
  })
  t.throws(() => state!.apply({ ...newer, number: 4n }, LATER_MS), { code: 'ENROLLMENT_CRL_ROLLBACK' })
})

t.test('killed at any moment, it has whole lists, and none that were saved is missing', async (t) => {
  const child = fileURLToPath(new URL('../helpers/list-child.ts', import.meta.url))
  for (const lists of [1, 4, 9]) {
    const path = t.testdir()
    const saving = spawn(process.execPath, [child, join(path, 'db')], { env: {}, stdio: ['ignore', 'pipe', 'inherit'] })
    t.teardown(() => saving.kill('SIGKILL'))
    const exited = once(saving, 'exit')
    let saved = 0n
    for await (const line of createInterface({ input: saving.stdout })) {
      saved = BigInt(line)
      if (saved === BigInt(lists)) saving.kill('SIGKILL')
    }
    t.same(await exited, [null, 'SIGKILL'])
    const { store, database } = await open(t, path)
    const [state] = await store.load()
    t.ok(state!.number! >= saved, `${state!.number} of ${saved}`)
    const sizes = state!.lists.map(({ sizeBytes }) => Math.ceil(sizeBytes / LIST_CHUNK_BYTES))
    t.equal(
      await count(database),
      sizes.reduce((sum, size) => sum + size),
      'and nothing else',
    )
    await database.close()
  }
})

t.test('what is not needed any more goes in the same batch', async (t) => {
  const { database, store } = await open(t)
  const state = after(empty, full, delta, early)
  await store.save(state, [full, delta, early])
  const chunks = Math.ceil(full.sizeBytes / LIST_CHUNK_BYTES)
  t.ok(chunks > 1)
  t.equal(await count(database), chunks + 2)
  const next = after(state, newer)
  await store.save(next, [newer])
  t.equal(await count(database), 1)
  t.match(await store.load(), [{ number: 12n, deltas: [], held: [] }])
  t.equal(await store.read(full.hash, 0, 100), undefined)
})

t.test('a list is read in pieces', async (t) => {
  const { store } = await open(t)
  await store.save(after(empty, full), [full])
  const whole = Buffer.from(full.der)
  const pieces: Uint8Array[] = []
  for (let from = 0; from < full.sizeBytes; from += 50_000) {
    pieces.push((await store.read(full.hash, from, 50_000))!)
  }
  t.ok(whole.equals(Buffer.concat(pieces)))
  t.ok(whole.equals((await store.read(full.hash, 0, 2 ** 30))!))
  const [from, length] = [LIST_CHUNK_BYTES - 3, 7]
  t.ok(whole.subarray(from, from + length).equals((await store.read(full.hash, from, length))!))
  t.equal((await store.read(full.hash, full.sizeBytes - 1, 10))?.length, 1)
  for (const beyond of [full.sizeBytes, full.sizeBytes + LIST_CHUNK_BYTES, 2 ** 40]) {
    t.equal(await store.read(full.hash, beyond, 10), undefined)
  }
  t.equal(await store.read(delta.hash, 0, 10), undefined)
})

t.test('a list that nobody gave is a mistake, and nothing is written', async (t) => {
  const { database, store } = await open(t)
  await t.rejects(store.save(after(empty, full), []), TypeError)
  t.same(await store.load(), [])
  t.equal(await count(database), 0)
})

t.test('several CAs', async (t) => {
  const { store } = await open(t)
  const other = await makeCa()
  const theirs = await other.list({ number: 2n })
  await store.save(after(empty, full), [full])
  await store.save(after(RevocationState.empty(other.certificate.subjectKeyId), theirs), [theirs])
  t.same((await store.load()).map(({ number }) => number).sort(), [2n, 5n])
})

t.test('damage is found, named, and can be left behind without forgetting the number', async (t) => {
  const code = 'ENROLLMENT_LISTS_DAMAGED'
  const metadata = { authorityKeyId: Buffer.from(authorityKeyId).toString('hex') }
  const { database, store } = await open(t)
  const chunks = database.room(ROOM.listChunks)
  const state = after(empty, full, delta)
  for (const damage of ['flip', 'drop', 'cut'] as const) {
    await store.reset(authorityKeyId)
    await store.save(state, [full, delta])
    for await (const [key, value] of chunks.entries({ gte: full.hash, limit: 1 })) {
      const flipped = Uint8Array.from(value, (byte, place) => (place === 1000 ? byte ^ 1 : byte))
      const broken = damage === 'flip' ? flipped : value.subarray(1)
      await database.commit([damage === 'drop' ? chunks.delete(key) : chunks.put(key, broken)])
    }
    await t.rejects(store.load(), { code, metadata }, damage)
  }
  const left = await store.reset(authorityKeyId)
  t.match(left, { number: 6n, full: undefined, lists: [] })
  t.equal(await count(database), 0)
  t.match(await store.load(), [{ number: 6n, full: undefined }])
  t.throws(() => left.apply(full, LATER_MS), { code: 'ENROLLMENT_CRL_ROLLBACK' })
  await store.save(after(left, newer), [newer])
  t.match(await store.load(), [{ number: 12n }])

  const states = database.room(ROOM.listStates)
  await database.commit([states.put(authorityKeyId, Uint8Array.of(0xff))])
  await t.rejects(store.load(), { code, metadata })
  t.match(await store.reset(authorityKeyId), { number: undefined })
  t.same(await store.load(), [])
})

t.test('a list of another CA under the name of this one is damage', async (t) => {
  const { database, store } = await open(t)
  await store.save(after(empty, full), [full])
  const states = database.room(ROOM.listStates)
  const value = (await states.get(authorityKeyId))!
  await database.commit([states.delete(authorityKeyId), states.put(new Uint8Array(32).fill(1), value)])
  await t.rejects(store.load(), { code: 'ENROLLMENT_LISTS_DAMAGED' })
})

const hash = new Uint8Array(32).fill(1)
const stored = encodeListState({
  number: 300n,
  lists: [
    { role: 'full', hash, sizeBytes: 1 },
    { role: 'delta', hash, sizeBytes: 2 },
    { role: 'held', hash, sizeBytes: 3 },
  ],
})

t.test('stored states read back, and keep their bytes', (t) => {
  const item = (role: string, size: string) => `83${role}5820${'01'.repeat(32)}${size}`
  t.equal(Buffer.from(stored).toString('hex'), `830142012c83${item('00', '01')}${item('01', '02')}${item('02', '03')}`)
  t.strictSame(encodeListState(decodeListState(stored)), stored)
  t.strictSame(decodeListState(encodeListState({ number: undefined, lists: [] })), { number: undefined, lists: [] })
  let damaged = 0
  fc.assert(
    fc.property(fc.nat(stored.length - 1), fc.nat(255), fc.boolean(), (place, byte, cut) => {
      const altered = Uint8Array.from(stored)
      altered[place] = byte
      const input = cut ? altered.subarray(0, place) : altered
      try {
        decodeListState(input)
      } catch (error) {
        if (!ENROLLMENT_ERRORS.matches(error, 'ENROLLMENT_LISTS_DAMAGED')) throw error
        damaged += 1
      }
    }),
    { numRuns: 500 },
  )
  t.ok(damaged > 100, `${damaged} damaged`)
  t.end()
})
