import t from 'tap'
import { compareBytes, SimulatedClock, uintBytes } from '../../../core/index.ts'
import { MAX_ASKED_IDS, MAX_IDS_PER_ANSWER, MAX_UNDELIVERED_IDS } from '../../../overlay/limits.ts'
import { ChainTurns } from '../../../overlay/sync/chain-turns.ts'
import type { SyncRequest } from '../../../overlay/sync/codec.ts'
import { IgnoredIds } from '../../../overlay/sync/ignored.ts'
import { InFlightIds } from '../../../overlay/sync/in-flight.ts'
import { Pull, type PullDependencies } from '../../../overlay/sync/pull.ts'
import { idOf, MemoryRecords, makeRecord } from '../harness.ts'

const HOUR_MS = 3_600_000
const FROM = { road: 'catch-up', nodeId: 'peer' } as const

/**
 * A peer that names `ids` in every one of `buckets`, and hands over what `deliver` makes of those asked for. Answers how
 * many records it was asked for.
 */
function setUp(options: {
  buckets: readonly number[]
  ids: readonly Uint8Array[]
  deliver(ids: readonly Uint8Array[], bucket: number): readonly Uint8Array[]
  records?: MemoryRecords
}) {
  const { buckets, ids, deliver, records = new MemoryRecords() } = options
  const clock = new SimulatedClock()
  const asked = { records: 0 }
  let listed = 0
  const digest = new Uint8Array(32)
  const answer = (request: SyncRequest): unknown => {
    switch (request.kind) {
      case 'heads':
        return { heads: [], more: false }
      case 'summary':
        return { eras: [{ era: 0, digest }] }
      case 'buckets':
        return { buckets: buckets.map((bucket) => ({ bucket, count: 1, digest })) }
      case 'ids': {
        const { after, bucket } = request
        listed = bucket
        const rest = ids.filter((id) => after === undefined || compareBytes(id, after) > 0)
        return { ids: rest.slice(0, MAX_IDS_PER_ANSWER), more: rest.length > MAX_IDS_PER_ANSWER }
      }
      case 'chains':
        return { covered: request.ids.length, chains: [] }
      case 'records':
        asked.records += request.ids.length
        return { covered: request.ids.length, records: deliver(request.ids, listed) }
      default:
        throw new TypeError(`not asked by a pull: ${request.kind}`)
    }
  }
  const ignored = new IgnoredIds({ retryMs: 1_000 }, { clock })
  const pull = new Pull({
    ...{ clock, records, from: FROM },
    filter: { allows: () => true },
    client: { ask: async (request: SyncRequest) => answer(request) } as PullDependencies['client'],
    chains: { heads: async () => [], learn: async () => ({ kind: 'known' }) } as unknown as PullDependencies['chains'],
    turns: new ChainTurns({ clock, busy: () => false }),
    inFlight: new InFlightIds({ claimMs: 3_000 }, { clock }),
    ignored: { has: (id) => ignored.has('p', id), add: (id) => ignored.add('p', id) },
    onMoved: () => {},
  })
  return { pull, records, asked }
}

const idsOf = (count: number) => Array.from({ length: count }, (_, at) => idOf(uintBytes(at))).sort(compareBytes)

t.test(
  'an id is asked for once in a catch-up, in however many buckets it is named, as far as is remembered',
  async (t) => {
    const records = new MemoryRecords()
    records.judge = () => 'ignore'
    const beyond = 600
    let made = 0
    // One of each answer is left out, so that nobody knows which id the ignored ones belong to.
    const deliver = (ids: readonly Uint8Array[], bucket: number) =>
      ids.slice(1).map(() => makeRecord(`junk ${made++}`, bucket * HOUR_MS))
    const { pull, asked } = setUp({ buckets: [1, 2, 3], ids: idsOf(MAX_ASKED_IDS + beyond), deliver, records })
    await pull.run()
    t.equal(asked.records, MAX_ASKED_IDS + 3 * beyond)
    t.ok(pull.result.undelivered <= MAX_UNDELIVERED_IDS)
  },
)

t.test('what is not handed over is asked for so often, then the catch-up ends', async (t) => {
  const ids = idsOf(MAX_UNDELIVERED_IDS)
  await t.resolves(
    setUp({ buckets: [1, 2], ids, deliver: () => [] }).pull.run(),
    'an honest store that expires just now',
  )
  const liar = setUp({ buckets: [1], ids: idsOf(4 * MAX_UNDELIVERED_IDS), deliver: () => [] })
  await t.rejects(liar.pull.run(), { code: 'OVERLAY_SYNC_UNDELIVERED' })
  t.ok(liar.asked.records <= MAX_UNDELIVERED_IDS + 256)
})

t.test('after a record that every node refuses nothing more is judged, and what was accepted counts', async (t) => {
  const records = new MemoryRecords()
  records.judge = async (record) => {
    if (records.received.length === 1) return 'reject'
    await new Promise((resolve) => setTimeout(resolve, 20))
    return record.length > 0 ? 'accept' : 'ignore'
  }
  const held = Array.from({ length: 200 }, (_, at) => makeRecord(`record ${at}`, 0))
  const ids = held.map(idOf).sort(compareBytes)
  const { pull } = setUp({ buckets: [0], ids, deliver: () => held, records })
  await t.rejects(pull.run(), { code: 'OVERLAY_SYNC_REJECTED' })
  const { accepted } = pull.result
  t.equal(accepted, records.held.size)
  await new Promise((resolve) => setTimeout(resolve, 60))
  t.equal(pull.result.accepted, accepted, 'the catch-up has ended')
  t.ok(records.received.length <= 8, `${records.received.length} were judged`)
})
