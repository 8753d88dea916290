import t from 'tap'
import { SimulatedClock } from '../../core/index.ts'
import { isAddressList } from '../../enrollment/addresses.ts'
import { MAX_ADDRESS_CHARACTERS, MAX_ADDRESSES } from '../../enrollment/limits.ts'
import { RateLimiter } from '../../enrollment/rate-limiter.ts'
import { SerialQueue } from '../../enrollment/serial-queue.ts'

t.test('a client has a burst and a rate', async (t) => {
  const clock = new SimulatedClock()
  const limiter = new RateLimiter({ burst: 3, perMinute: 6, maxClients: 10 }, { clock })
  t.same(
    [1, 2, 3, 4].map(() => limiter.take('a')),
    [true, true, true, false],
  )
  t.equal(limiter.take('b'), true, 'others are not concerned')
  await clock.advance(9_999)
  t.equal(limiter.take('a'), false)
  await clock.advance(1)
  t.equal(limiter.take('a'), true)
  await clock.advance(3_600_000)
  t.same(
    [1, 2, 3, 4].map(() => limiter.take('a')),
    [true, true, true, false],
    'never more than the burst',
  )
  clock.jumpTo(0)
  t.equal(limiter.take('a'), false, 'the wall clock does not matter')
})

t.test('the table of clients is bounded', (t) => {
  const limiter = new RateLimiter({ burst: 1, perMinute: 1, maxClients: 100 }, { clock: new SimulatedClock() })
  for (let client = 0; client < 1000; client += 1) limiter.take(`client ${client}`)
  t.equal(limiter.size, 100)
  t.equal(limiter.take('client 999'), false, 'the recent ones are remembered')
  t.equal(limiter.take('client 0'), true)
  t.end()
})

t.test('a serial queue keeps order, passes failures on, and refuses beyond its bound', async (t) => {
  const queue = new SerialQueue(3)
  const order: number[] = []
  const task = (number: number) => async () => {
    await new Promise((resolve) => setImmediate(resolve))
    order.push(number)
    if (number === 2) throw new RangeError('two')
    return number
  }
  const results = [1, 2, 3, 4].map((number) => queue.run(task(number)))
  await t.rejects(results[3]!, { code: 'ENROLLMENT_BUSY' })
  await t.rejects(results[1]!, RangeError)
  t.same([await results[0], await results[2]], [1, 3])
  await queue.idle()
  t.equal(await queue.run(task(5)), 5, 'there is room again')
  t.same(order, [1, 2, 3, 5])
})

t.test('addresses', (t) => {
  t.ok(isAddressList([]))
  t.ok(isAddressList(['/ip4/127.0.0.1/tcp/4001', '/ip6/::1/udp/4001/quic-v1']))
  t.ok(isAddressList(['/dns4/relay.example/tcp/4001/p2p/12D3KooW']))
  const tooLong = `/dns4/${'a'.repeat(MAX_ADDRESS_CHARACTERS)}`
  for (const wrong of [undefined, 'x', [1], ['x'], ['/'], ['/a//b'], ['/a b'], ['/a\n'], [tooLong]]) {
    t.notOk(isAddressList(wrong), JSON.stringify(wrong))
  }
  t.notOk(isAddressList(Array(MAX_ADDRESSES + 1).fill('/ip4/1.2.3.4')))
  t.end()
})
