import t from 'tap'
import { SimulatedClock } from '../../../core/index.ts'
import { VerificationQueue } from '../../../overlay/gossip/queue.ts'
import { type Priority, priorityOf } from '../../../overlay/gossip/topics.ts'
import { RECORD_TYPES, type RecordType } from '../../../records/index.ts'

interface Item {
  priority: Priority
  bytes: number
  name: string
}

function setUp(options: { maxItems?: number; maxBytes?: number; concurrency?: number } = {}) {
  const clock = new SimulatedClock()
  const started: string[] = []
  const expired: string[] = []
  const finish: (() => void)[] = []
  const queue = new VerificationQueue<Item>(
    { maxItems: 3, maxBytes: 1_000, maxAgeMs: 3_000, concurrency: 1, ...options },
    {
      clock,
      process: (item) => {
        started.push(item.name)
        return new Promise((resolve) => finish.push(resolve))
      },
      expire: (item) => expired.push(item.name),
    },
  )
  const push = (name: string, priority: Priority = 2, bytes = 1) => queue.push({ name, priority, bytes })
  const next = async () => {
    finish.shift()?.()
    await clock.advance(0)
  }
  return { clock, queue, started, expired, push, next }
}

t.test('what is urgent overtakes, what is equal keeps its order', async (t) => {
  const { push, next, started, queue } = setUp()
  push('running')
  push('block', priorityOf('microblock'))
  push('anomaly 1', priorityOf('anomaly'))
  push('anomaly 2', priorityOf('anomaly'))
  push('vote', priorityOf('vote'))
  push('revocation', priorityOf('revocation'))
  t.same(queue.waiting, [1, 1, 2, 1])
  for (let at = 0; at < 5; at += 1) await next()
  t.same(started, ['running', 'revocation', 'vote', 'anomaly 1', 'anomaly 2', 'block'])
  for (const type of Object.keys(RECORD_TYPES)) t.type(priorityOf(type as RecordType), 'number', type)
})

t.test('junk on the urgent lanes leaves every other lane its turns', async (t) => {
  const { push, next, started } = setUp({ maxItems: 100, maxBytes: 1_000 })
  for (let at = 0; at < 64; at += 1) for (const lane of [0, 1, 2, 3] as const) push(`${lane}`, lane)
  for (let at = 0; at < 31; at += 1) await next()
  const turns = (lane: number) => started.filter((name) => name === `${lane}`).length
  t.same([0, 1, 2, 3].map(turns), [16, 8, 4, 4], 'of 32')
})

t.test('each priority holds so many items and bytes, and a full one does not fill the others', async (t) => {
  const { push } = setUp()
  t.ok(push('running'))
  for (const name of ['1', '2', '3']) t.ok(push(name))
  t.notOk(push('4'), 'one item too many')
  t.ok(push('other priority', 1))
  t.ok(push('large', 0, 1_000))
  t.notOk(push('one byte more', 0, 1))
})

t.test('no more run at a time than allowed', async (t) => {
  const { push, next, started, queue } = setUp({ concurrency: 2 })
  for (const name of ['1', '2', '3', '4']) push(name)
  t.equal(queue.running, 2)
  t.same(started, ['1', '2'])
  await next()
  t.same(started, ['1', '2', '3'])
  t.equal(queue.running, 2)
})

t.test('what waited too long is told so, and not processed', async (t) => {
  const { clock, push, next, started, expired } = setUp()
  push('running')
  push('old')
  await clock.advance(2_000)
  push('young')
  await clock.advance(1_500)
  await next()
  t.same(expired, ['old'])
  t.same(started, ['running', 'young'])
})

t.test('memory stays bounded over many items, and a stopped queue takes nothing', async (t) => {
  const { push, next, started, queue } = setUp({ maxItems: 5_000, maxBytes: 10_000 })
  for (let round = 0; round < 3_000; round += 1) push(`${round}`)
  for (let round = 0; round < 2_999; round += 1) await next()
  t.equal(started.length, 3_000)
  push('waits')
  queue.stop()
  t.same(queue.waiting, [0, 0, 0, 0])
  t.notOk(push('late'))
})
