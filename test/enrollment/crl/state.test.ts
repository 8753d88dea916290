import fc from 'fast-check'
import t, { type Test } from 'tap'
import { type KeptList, type ListOutcome, RevocationState } from '../../../enrollment/crl/index.ts'
import { ENROLLMENT_ERRORS } from '../../../enrollment/errors.ts'
import {
  MAX_APPLIED_DELTAS,
  MAX_CRL_SKEW_MS,
  MAX_CRL_STEP,
  MAX_FIRST_CRL_NUMBER,
  MAX_HELD_DELTA_BYTES,
  MAX_HELD_DELTAS,
} from '../../../enrollment/limits.ts'
import { entry, HOUR_MS, NOW_MS, serial } from '../../helpers/crl.ts'
import { AUTHORITY, issueAll, type UnsignedChanges, unsigned } from '../../helpers/crl-history.ts'

const LATER_MS = NOW_MS + 24 * HOUR_MS

/** The state after lists, one after another, and what became of each. */
function after(...lists: readonly UnsignedChanges[]): { state: RevocationState; outcomes: ListOutcome[] } {
  let state = RevocationState.empty(AUTHORITY)
  const outcomes: ListOutcome[] = []
  for (const changes of lists) {
    const applied = state.apply(unsigned(changes), LATER_MS)
    outcomes.push(applied.outcome)
    state = applied.state
  }
  return { state, outcomes }
}

function refuses(t: Test, state: RevocationState, changes: UnsignedChanges, code: string): void {
  const before = [state.number, state.lists.length, state.entries.size]
  t.throws(() => state.apply(unsigned(changes), LATER_MS), { code: `ENROLLMENT_CRL_${code}`, action: 'ignore' }, code)
  t.same([state.number, state.lists.length, state.entries.size], before)
}

const revoked = (...serials: number[]) => serials.map((number) => entry(serial(number)))
const serialsOf = (state: RevocationState) => [...state.entries].map(({ serialNumber }) => serialNumber[0])

t.test('full lists replace each other', (t) => {
  const { state, outcomes } = after(
    { number: 3n, entries: revoked(1, 2) },
    { number: 3n, entries: revoked(1, 2) },
    { number: 5n, entries: revoked(2, 3) },
  )
  t.same(outcomes, ['applied', 'known', 'applied'])
  t.equal(state.number, 5n)
  t.same(serialsOf(state), [2, 3])
  t.equal(state.newest?.number, 5n)
  t.end()
})

t.test('never back', (t) => {
  const { state } = after({ number: 5n }, { number: 9n })
  refuses(t, state, { number: 5n }, 'ROLLBACK')
  refuses(t, state, { number: 8n, entries: revoked(1) }, 'ROLLBACK')
  refuses(t, state, { number: 8n, baseNumber: 5n }, 'ROLLBACK')
  t.equal(after({ number: 5n }, { number: 6n, baseNumber: 5n }, { number: 5n }).outcomes[2], 'known', 'the base it has')
  t.end()
})

t.test('absurd numbers', (t) => {
  const first = RevocationState.empty(AUTHORITY)
  const highest = BigInt(MAX_FIRST_CRL_NUMBER)
  t.equal(first.apply(unsigned({ number: highest }), LATER_MS).outcome, 'applied')
  refuses(t, first, { number: highest + 1n }, 'STEP')
  refuses(t, first, { number: 2n ** 159n - 1n }, 'STEP')
  refuses(t, first, { number: 2n ** 159n - 1n, baseNumber: 2n ** 159n - 2n }, 'STEP')
  const { state } = after({ number: 7n })
  const step = BigInt(MAX_CRL_STEP)
  t.equal(state.apply(unsigned({ number: 7n + step }), LATER_MS).outcome, 'applied')
  refuses(t, state, { number: 8n + step }, 'STEP')
  refuses(t, state, { number: 8n + step, baseNumber: 7n }, 'STEP')
  refuses(t, state, { number: 2n ** 159n - 1n }, 'STEP')
  t.end()
})

t.test('times', (t) => {
  const state = RevocationState.empty(AUTHORITY)
  t.equal(state.apply(unsigned({ thisUpdateMs: LATER_MS + MAX_CRL_SKEW_MS }), LATER_MS).outcome, 'applied')
  refuses(t, state, { thisUpdateMs: LATER_MS + MAX_CRL_SKEW_MS + 1 }, 'FUTURE')
  t.equal(after({ nextUpdateMs: NOW_MS + 1 }).outcomes[0], 'applied', 'an expired list is better than none')
  const { state: applied } = after({ number: 5n, thisUpdateMs: NOW_MS })
  refuses(t, applied, { number: 6n, thisUpdateMs: NOW_MS }, 'SAME_SECOND')
  refuses(t, applied, { number: 6n, thisUpdateMs: NOW_MS - 1000 }, 'SAME_SECOND')
  refuses(t, applied, { number: 6n, baseNumber: 5n, thisUpdateMs: NOW_MS }, 'SAME_SECOND')
  refuses(t, applied, { number: 7n, baseNumber: 6n, thisUpdateMs: NOW_MS }, 'SAME_SECOND')
  t.end()
})

t.test('another list with the same number', (t) => {
  const { state } = after({ number: 5n, entries: revoked(1) })
  refuses(t, state, { number: 5n, entries: revoked(2) }, 'CONFLICT')
  refuses(t, state, { number: 5n, baseNumber: 4n, thisUpdateMs: NOW_MS }, 'CONFLICT')
  const { state: changed } = after({ number: 5n }, { number: 6n, baseNumber: 5n, entries: revoked(1) })
  refuses(t, changed, { number: 6n, baseNumber: 5n, entries: revoked(2) }, 'CONFLICT')
  refuses(t, changed, { number: 6n, thisUpdateMs: NOW_MS + 7000, entries: revoked(1) }, 'CONFLICT')
  const { state: waiting } = after({ number: 9n, baseNumber: 5n })
  refuses(t, waiting, { number: 9n, baseNumber: 6n }, 'CONFLICT')
  t.end()
})

t.test('a list of another CA', (t) => {
  refuses(t, RevocationState.empty(AUTHORITY), { authorityKeyId: new Uint8Array(32) }, 'AUTHORITY_UNKNOWN')
  t.end()
})

t.test('deltas', (t) => {
  const { state, outcomes } = after(
    { number: 5n, entries: [...revoked(1, 2), entry(serial(4), { reason: 'certificateHold' })] },
    {
      number: 8n,
      baseNumber: 3n,
      entries: [
        ...revoked(3),
        entry(serial(2), { reason: 'keyCompromise' }),
        entry(serial(4), { reason: 'removeFromCRL' }),
        entry(serial(9), { reason: 'removeFromCRL' }),
      ],
    },
    { number: 9n, baseNumber: 8n, entries: revoked(7) },
  )
  t.same(outcomes, ['applied', 'applied', 'applied'])
  t.same(serialsOf(state), [1, 2, 3, 7])
  t.equal(state.entries.at(1).reason, 'keyCompromise')
  t.same([state.number, state.full?.number, state.newest?.number, state.deltas.length], [9n, 5n, 9n, 2])
  t.end()
})

t.test('a full list and a delta that were issued together', (t) => {
  const base = { number: 5n, entries: revoked(1) }
  const [full, delta] = [
    { number: 6n, entries: revoked(1, 2) },
    { number: 6n, baseNumber: 5n, entries: revoked(2) },
  ]
  t.same(after(base, full, delta).outcomes, ['applied', 'applied', 'known'])
  const { state, outcomes } = after(base, delta, full)
  t.same(outcomes, ['applied', 'applied', 'applied'])
  t.same([state.full?.number, state.deltas.length, ...serialsOf(state)], [6n, 0, 1, 2])
  t.end()
})

t.test('a delta that is early waits, and counts as soon as it can', (t) => {
  const early = { number: 9n, baseNumber: 7n, entries: revoked(3) }
  const earlier = { number: 8n, baseNumber: 6n, entries: revoked(2) }
  const { state, outcomes } = after(early, earlier, early)
  t.same(outcomes, ['held', 'held', 'known'])
  t.same([state.number, state.entries.size, state.held.length], [undefined, 0, 2])
  const { state: applied } = after(early, earlier, { number: 6n, entries: revoked(1) })
  t.same([applied.number, applied.held.length, ...serialsOf(applied)], [9n, 0, 1, 2, 3], 'both, in order')
  const { state: skipped } = after(early, earlier, { number: 7n, entries: revoked(1, 2) })
  t.same([skipped.number, skipped.deltas.length, ...serialsOf(skipped)], [9n, 1, 1, 2, 3], 'the newest is enough')
  const { state: overtaken } = after(early, earlier, { number: 12n })
  t.same([overtaken.number, overtaken.held.length], [12n, 0], 'what will never count is forgotten')
  const far = { number: BigInt(MAX_CRL_STEP) + 9n, baseNumber: 2n }
  t.same(after(far, { number: 5n }).state.held.length, 0, 'also by its step')
  const sameSecond = { number: 9n, baseNumber: 5n, thisUpdateMs: NOW_MS }
  t.equal(after(sameSecond, { number: 5n, thisUpdateMs: NOW_MS }).state.number, 5n, 'or by its time')
  t.end()
})

t.test('few deltas wait', (t) => {
  const waiting = Array.from({ length: MAX_HELD_DELTAS }, (_, at) => ({ number: BigInt(20 + at), baseNumber: 18n }))
  const { state } = after(...waiting)
  t.equal(state.held.length, MAX_HELD_DELTAS)
  refuses(t, state, { number: 19n, baseNumber: 18n }, 'TOO_EARLY')
  const { state: newer } = state.apply(unsigned({ number: 90n, baseNumber: 18n }), LATER_MS)
  t.same([newer.held.length, newer.held[0]?.number, newer.held.at(-1)?.number], [MAX_HELD_DELTAS, 21n, 90n])
  const large = { sizeBytes: MAX_HELD_DELTA_BYTES / 2 }
  const { state: heavy } = after({ number: 8n, baseNumber: 7n, ...large }, { number: 9n, baseNumber: 7n, ...large })
  t.equal(heavy.held.length, 2)
  t.same(heavy.apply(unsigned({ number: 10n, baseNumber: 7n }), LATER_MS).state.held.length, 2)
  refuses(t, RevocationState.empty(AUTHORITY), { baseNumber: 0n, sizeBytes: MAX_HELD_DELTA_BYTES + 1 }, 'TOO_EARLY')
  t.end()
})

t.test('so many deltas on one full list, then the next full list comes first', (t) => {
  const deltas = Array.from({ length: MAX_APPLIED_DELTAS }, (_, at) => ({
    number: BigInt(at + 2),
    baseNumber: 1n,
    entries: revoked(at + 1),
  }))
  const { state } = after({ number: 1n }, ...deltas)
  t.same([state.deltas.length, state.entries.size], [MAX_APPLIED_DELTAS, MAX_APPLIED_DELTAS])
  const next = unsigned({ number: 100n, baseNumber: 1n, entries: revoked(200) })
  const held = state.apply(next, LATER_MS)
  t.equal(held.outcome, 'held')
  const { state: renewed } = held.state.apply(unsigned({ number: 99n, entries: revoked(1) }), LATER_MS)
  t.same([renewed.number, ...serialsOf(renewed)], [100n, 1, 200])
  t.end()
})

t.test('after the lists were lost the number still counts', (t) => {
  const state = RevocationState.after({ authorityKeyId: AUTHORITY, number: 9n })
  t.same([state.number, state.full, state.newest, state.lists.length], [9n, undefined, undefined, 0])
  refuses(t, state, { number: 8n }, 'ROLLBACK')
  t.equal(
    state.apply(unsigned({ number: 10n, baseNumber: 9n }), LATER_MS).outcome,
    'held',
    'there is nothing to change',
  )
  t.equal(state.apply(unsigned({ number: 9n, baseNumber: 8n }), LATER_MS).outcome, 'known')
  t.equal(state.apply(unsigned({ number: 9n }), LATER_MS).outcome, 'applied')
  t.equal(state.apply(unsigned({ number: 10n }), LATER_MS).outcome, 'applied')
  t.end()
})

t.test('a stored state is made again, or found damaged', (t) => {
  const full = unsigned({ number: 5n, entries: revoked(1) })
  const deltas = [unsigned({ number: 6n, baseNumber: 5n, entries: revoked(2) })]
  const held = [unsigned({ number: 9n, baseNumber: 8n })]
  const stored = { authorityKeyId: AUTHORITY, number: 6n, full, deltas, held }
  const state = RevocationState.restore(stored)
  t.same([state.number, state.held.length, ...serialsOf(state)], [6n, 1, 1, 2])
  t.ok(state.find({ serialNumber: serial(2), subjectKeyId: new Uint8Array(32) }))
  const code = 'ENROLLMENT_LISTS_DAMAGED'
  t.throws(() => RevocationState.restore({ ...stored, number: 7n }), { code })
  t.throws(() => RevocationState.restore({ ...stored, number: undefined, full: undefined }), { code })
  t.throws(() => RevocationState.restore({ ...stored, deltas: [...deltas, ...deltas] }), { code })
  t.throws(() => RevocationState.restore({ ...stored, deltas: [unsigned({ number: 6n, baseNumber: 7n })] }), { code })
  t.end()
})

const issue = fc.record({
  step: fc.integer({ min: 1, max: 3 }),
  back: fc.integer({ min: 1, max: 4 }),
  changes: fc.array(
    fc.record({ certificate: fc.integer({ min: 1, max: 12 }), to: fc.constantFrom('revoked', 'held', 'removed') }),
    { maxLength: 4 },
  ),
})

t.test('in whatever order the lists of a CA come, what counts is what the CA said with that number', (t) => {
  let held = 0
  let refused = 0
  const history = fc.tuple(fc.array(issue, { minLength: 1, maxLength: 12 }), fc.infiniteStream(fc.nat()))
  fc.assert(
    fc.property(history, ([issues, order]) => {
      const issued = issueAll(issues)
      const said = new Map(issued.map(({ number, full }) => [number, [...full.entries]]))
      const lists = issued.flatMap(({ full, delta }) => (delta === undefined ? [full] : [full, delta]))
      const sequence = shuffled([...lists, ...lists.slice(0, 3)], order)
      let state = RevocationState.empty(AUTHORITY)
      for (const list of sequence) {
        const { number: before = 0n } = state
        state = deliver(state, list)
        held += state.held.length
        if ((state.number ?? 0n) < before) throw new Error('went back')
        if (state.full !== undefined) t.strictSame([...state.entries], said.get(state.number ?? 0n))
      }
      t.equal(state.number, issued.at(-1)?.number, 'the newest')
      t.equal(state.held.length, 0)
      t.strictSame([...RevocationState.restore(partsOf(state, lists)).entries], [...state.entries])
    }),
    { numRuns: 150 },
  )
  t.ok(held > 50 && refused > 50, `${held} held, ${refused} refused`)
  t.end()

  function deliver(state: RevocationState, list: KeptList): RevocationState {
    try {
      return state.apply(list, LATER_MS).state
    } catch (error) {
      if (!ENROLLMENT_ERRORS.matches(error, 'ENROLLMENT_CRL_ROLLBACK')) throw error
      refused += 1
      return state
    }
  }
})

function shuffled<T>(items: readonly T[], order: fc.Stream<number>): T[] {
  const keyed = items.map((item) => ({ item, key: order.next().value ?? 0 }))
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item)
}

function partsOf({ authorityKeyId, number, full, deltas, held }: RevocationState, lists: readonly KeptList[]) {
  const kept = (hash: Uint8Array) => lists.find((list) => Buffer.compare(list.hash, hash) === 0)!
  return {
    authorityKeyId,
    number,
    full: full === undefined ? undefined : kept(full.hash),
    deltas: deltas.map(({ hash }) => kept(hash)),
    held,
  }
}
