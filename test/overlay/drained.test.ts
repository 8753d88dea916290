import { streamPair } from '@libp2p/utils'
import t from 'tap'
import { drained } from '../../overlay/drained.ts'

/** Sends until the stream wants no more. */
function fill(stream: { send(data: Uint8Array): boolean }): void {
  while (stream.send(new Uint8Array(65_536)));
}

t.test('it waits every time, not only the first', async (t) => {
  const [near, far] = await streamPair()
  far.addEventListener('message', () => {})
  let drains = 0
  near.addEventListener('drain', () => {
    drains += 1
  })
  for (const round of [1, 2, 3]) {
    fill(near)
    t.ok(near.writableNeedsDrain)
    await drained(near)
    t.equal(drains, round)
  }
  near.abort(new Error('the test is over'))
})

t.test('it fails with what closed the stream, and resolves at once where there is room', async (t) => {
  const [near, far] = await streamPair()
  await drained(near)
  far.addEventListener('message', () => {})
  far.pause()
  fill(near)
  const waiting = drained(near)
  near.abort(new Error('gone'))
  await t.rejects(waiting, { message: 'gone' })
})
