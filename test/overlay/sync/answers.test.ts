import t from 'tap'
import { compareBytes } from '../../../core/index.ts'
import { MAX_IDS_PER_ANSWER } from '../../../overlay/limits.ts'
import { Answers } from '../../../overlay/sync/answers.ts'
import { MemoryChains, MemoryRecords, makeRecord } from '../harness.ts'

const START_MS = Date.UTC(2026, 0, 1)
const BUCKET = START_MS / 3_600_000
const COUNT = MAX_IDS_PER_ANSWER + 100

function fullHour() {
  const records = new MemoryRecords()
  for (let at = 0; at < COUNT; at += 1) records.keep(makeRecord(`${at}`, START_MS))
  const chains = new MemoryChains()
  chains.grow('a', 10)
  return { records, answers: new Answers({ records, chains }) }
}

t.test('ids are answered page by page, and only a page is looked at', async (t) => {
  const { records, answers } = fullHour()
  const limits: number[] = []
  const ids = records.ids.bind(records)
  records.ids = (bucket, page) => {
    limits.push(page.limit)
    return ids(bucket, page)
  }
  const ask = { kind: 'ids', bucket: BUCKET, prefix: undefined } as const
  const first = await answers.to({ ...ask, after: undefined })
  if (first.answer.kind !== 'ids') throw new TypeError('ids')
  t.equal(first.answer.ids.length, MAX_IDS_PER_ANSWER)
  t.equal(first.answer.more, true)
  t.equal(first.costBytes, (MAX_IDS_PER_ANSWER + 1) * 32, 'charged by ids looked at')
  const second = await answers.to({ ...ask, after: first.answer.ids.at(-1) })
  t.match(second, { answer: { more: false }, costBytes: 100 * 32 })
  if (second.answer.kind !== 'ids') throw new TypeError('ids')
  const all = [...first.answer.ids, ...second.answer.ids]
  t.equal(all.length, COUNT)
  t.ok(all.every((id, at) => at === 0 || compareBytes(all[at - 1] ?? id, id) < 0))
  t.same(limits, [MAX_IDS_PER_ANSWER + 1, MAX_IDS_PER_ANSWER + 1])
})

t.test('digests, heads and look-ups are charged by what they cost, whether anything is sent or not', async (t) => {
  const { answers } = fullHour()
  const costOf = async (...request: Parameters<Answers['to']>) => (await answers.to(...request)).costBytes
  t.ok((await costOf({ kind: 'prefixes', bucket: BUCKET })) >= COUNT * 32)
  t.ok((await costOf({ kind: 'summary', root: new Uint8Array(32) })) >= COUNT * 4, 'the newest hour is digested anew')
  t.ok((await costOf({ kind: 'buckets', eras: [0] })) > 0, 'although none of them was asked for')
  const unknown = Array.from({ length: 256 }, (_, at) => new Uint8Array(32).fill(at))
  t.ok((await costOf({ kind: 'records', ids: unknown })) >= 256 * 256)
  t.ok((await costOf({ kind: 'chains', ids: unknown })) >= 256 * 256)
  t.ok((await costOf({ kind: 'heads', after: 'z' })) > 0)
})
