import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { concatBytes, uintBytes } from '../../core/index.ts'
import { SYNC_PROTOCOL } from '../../overlay/index.ts'
import { MAX_REQUESTS_PER_STREAM, MAX_WANTS_PER_CATCH_UP } from '../../overlay/limits.ts'
import { encodeRequest } from '../../overlay/sync/codec.ts'
import { MemoryChains, startHost, startNode, until } from './harness.ts'

t.test('one catch-up follows so many heads; the others wait for the next', async (t) => {
  const chains = new MemoryChains()
  for (let at = 0; at < MAX_WANTS_PER_CATCH_UP + 10; at += 1) chains.grow(`n${10_000 + at}`, 1)
  const a = await startNode(t, 'a', { chains })
  const b = await startNode(t, 'b', { bootstrap: [a.address()], sync: { minGapMs: 2_000 } })
  await until(() => b.overlay.state().sync.blocks > 0, 'the first catch-up is over', 14_000)
  t.equal(b.chains.held.size, MAX_WANTS_PER_CATCH_UP)
  await until(() => b.chains.held.size === MAX_WANTS_PER_CATCH_UP + 10, 'the next brings the rest')
})

t.test('a stream answers so many requests', async (t) => {
  const budget = { burstBytes: 2 ** 40, bytesPerSecond: 2 ** 30 }
  const node = await startNode(t, 'a', { sync: { minGapMs: 50, budget } })
  const host = await startHost(t, 'b')
  const stream = await (await host.dial(multiaddr(node.address()))).newStream(SYNC_PROTOCOL)
  const hint = encodeRequest({ kind: 'hint' })
  const frame = concatBytes(uintBytes(hint.length, 4), hint)
  const batch = concatBytes(...Array.from({ length: 5_000 }, () => frame))
  let answered = 0
  stream.addEventListener('message', ({ data }) => {
    answered += data.byteLength / frame.length
  })
  for (let sent = 0; sent < MAX_REQUESTS_PER_STREAM; sent += 5_000) {
    if (!stream.send(batch)) await stream.onDrain()
    await until(() => answered >= sent, 'answered')
  }
  await until(() => answered === MAX_REQUESTS_PER_STREAM, 'all are answered')
  await until(() => stream.remoteWriteStatus === 'closed', 'and the stream ends')
})
