import t from 'tap'
import { MAX_PROVISIONAL_REVOCATIONS } from '../../agent/limits.ts'
import { ProvisionalRevocations, strictest } from '../../agent/node/provisional.ts'
import type { RevokeDirective } from '../../records/index.ts'

const hash = (byte: number) => new Uint8Array(32).fill(byte)

const order = (number: number, changes: Partial<RevokeDirective> = {}): RevokeDirective => ({
  kind: 'revoke',
  authorityKeyId: hash(0xca),
  serialNumber: Uint8Array.of(1, number >> 8, number & 0xff),
  subjectKeyId: Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? number >> 8 : number & 0xff)),
  reason: 4,
  revokedAtMs: 1000,
  ...changes,
})

t.test('an order is found by serial number and by key, of its CA alone', async (t) => {
  const orders = new ProvisionalRevocations()
  t.equal(orders.find(order(1)), undefined)
  t.ok(orders.add(order(1), 10))
  t.notOk(orders.add(order(1), 10), 'known')
  t.same(orders.find(order(1)), { revokedAtMs: 1000, keyCompromise: false })
  t.ok(orders.find({ ...order(1), serialNumber: Uint8Array.of(9) }), 'another certificate over the key')
  t.ok(orders.find({ ...order(1), subjectKeyId: hash(9) }))
  t.equal(orders.find({ ...order(1), authorityKeyId: hash(1) }), undefined)
  t.ok(orders.add(order(1, { reason: 1, revokedAtMs: 2000 }), 20), 'a later one says more')
  t.same(orders.find(order(1)), { revokedAtMs: 1000, keyCompromise: true }, 'the stricter of both')
})

t.test('a milder order from a clock that is ahead hides no stricter one', async (t) => {
  const orders = new ProvisionalRevocations()
  t.ok(orders.add(order(1), 20))
  t.ok(orders.add(order(1, { reason: 1 }), 10))
  t.same(orders.find(order(1)), { revokedAtMs: 1000, keyCompromise: true })
  t.notOk(orders.add(order(1, { reason: 1 }), 10), 'known')
  t.ok(orders.add(order(1, { revokedAtMs: 999 }), 20), 'nor an earlier date')
  t.notOk(orders.add(order(1), 15), 'less than what is known')
})

t.test('a later list of the CA settles it', async (t) => {
  const orders = new ProvisionalRevocations()
  orders.add(order(1), 10)
  orders.add(order(2), 30)
  orders.settle(hash(0xca), 10)
  orders.settle(hash(1), 99)
  t.equal(orders.size, 2, 'not one of that very moment, nor one of another CA')
  orders.settle(hash(0xca), 11)
  t.equal(orders.find(order(1)), undefined)
  t.ok(orders.find(order(2)))
  t.equal(orders.size, 1)
})

t.test('so many orders wait, and no more', async (t) => {
  const orders = new ProvisionalRevocations()
  for (let number = 0; number < MAX_PROVISIONAL_REVOCATIONS; number += 1) orders.add(order(number), 10)
  t.equal(orders.size, MAX_PROVISIONAL_REVOCATIONS)
  t.notOk(orders.add(order(60_000), 10))
  t.equal(strictest([]), undefined)
})
