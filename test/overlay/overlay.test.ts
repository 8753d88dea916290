import t from 'tap'
import { makeRecord, startNode, until } from './harness.ts'

t.test('a record published by one node is verified and kept by the others', async (t) => {
  const a = await startNode(t, 'a')
  const b = await startNode(t, 'b', { bootstrap: [a.address()] })
  const c = await startNode(t, 'c', { bootstrap: [b.address()] })
  await until(() => a.overlay.peers().length === 1 && c.overlay.peers().length === 1, 'connected')
  const record = makeRecord('seen')
  a.records.keep(record)
  await a.overlay.publish(record, 'anomaly')
  await until(() => c.records.held.size === 1, 'c holds the record')
  t.equal(b.records.held.size, 1)
  t.same(
    b.overlay
      .peers()
      .map((peer) => peer.nodeId)
      .sort(),
    ['a', 'c'],
  )
})
