import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { TRUST_PROTOCOL } from '../../../overlay/index.ts'
import { startHost, startNode, until } from '../harness.ts'
import {
  announcementOf,
  answerTrust,
  ask,
  MemoryTrust,
  makeList,
  nameOf,
  openTrust,
  startLine,
  startTrustNode,
} from './support.ts'

const ANSWER = { sync: { minGapMs: 50, answerTimeoutMs: 300 } }

for (const sizeBytes of [1, 3 * 1024 * 1024]) {
  t.test(`a list of ${sizeBytes === 1 ? 'one byte' : '3 MiB'} crosses three nodes in a line`, async (t) => {
    const [a, b, c] = await startLine(t, ['a', 'b', 'c'])
    await until(() => b?.overlay.peers().length === 2, 'connected')
    const list = makeList(9, sizeBytes)
    a?.trust.apply(list)
    await until(() => c?.trust.number === 9, 'the list is there')
    t.equal(nameOf(c?.trust.held), nameOf(list))
    t.match(b?.trust.received, [{ from: { road: 'trust', nodeId: 'a' } }], 'from one peer, once')
    t.equal(c?.trust.received.length, 1)
    await until(() => a?.overlay.peers()[0]?.lists.length === 1, 'a knows what b has')
    t.match(a?.overlay.peers()[0]?.lists, [{ number: 9n, sinceMs: Number }])
    t.equal(a?.overlay.state().trust?.fetched, 0, 'nothing comes back')
  })
}

t.test('a list is announced at once on connecting, and by both sides', async (t) => {
  const [older, newer] = [new MemoryTrust(), new MemoryTrust()]
  older.apply(makeList(3))
  newer.apply(makeList(4))
  const a = await startTrustNode(t, 'a', { trust: older })
  const b = await startTrustNode(t, 'b', { trust: newer, bootstrap: [a.address()] })
  await until(() => a.trust.number === 4, 'the one that was dialled takes it')
  t.equal(b.trust.received.length, 0)
})

t.test('a node that comes back learns what was applied while it was away', async (t) => {
  const a = await startTrustNode(t, 'a')
  const kept = new MemoryTrust()
  const b = await startTrustNode(t, 'b', { trust: kept, bootstrap: [a.address()] })
  a.trust.apply(makeList(1))
  await until(() => kept.number === 1, 'the first list')
  await b.overlay.stop()
  a.trust.apply(makeList(2))
  await startTrustNode(t, 'b', { trust: kept, bootstrap: [a.address()] })
  await until(() => kept.number === 2, 'the second list')
  t.equal(kept.received.length, 2)
})

t.test('a liar is found out, left alone, and keeps nobody from the list', async (t) => {
  const list = makeList(5, 600_000)
  const victim = await startTrustNode(t, 'victim', ANSWER)
  const liar = await startHost(t, 'liar')
  let served = 0
  await answerTrust(liar, (request) => {
    if (request.kind !== 'chunk') return { kind: 'announce' }
    served += 1
    return { kind: 'chunk', bytes: new Uint8Array(request.maxBytes) }
  })
  await liar.dial(multiaddr(victim.address()))
  const frames = await openTrust(liar)
  await ask(frames, { kind: 'announce', lists: [announcementOf(list)] })
  await until(() => victim.overlay.state().trust?.faults === 1, 'the hash is wrong')
  t.equal(victim.trust.received.length, 0, 'such a list is never handed over')
  t.equal(served, 3)
  const honest = await startTrustNode(t, 'honest', { bootstrap: [victim.address()] })
  honest.trust.apply(list)
  await until(() => victim.trust.number === 5, 'from the honest one')
  await ask(frames, { kind: 'announce', lists: [announcementOf(makeList(6))] })
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.equal(served, 3, 'the liar is not asked again')
})

t.test('who announces more or less than there is, or answers in crumbs, is at fault', async (t) => {
  const list = makeList(5, 1_000)
  const answers: [string, number, number][] = [
    ['less', 900, 900],
    ['crumbs', 1_000, 10],
    ['more', 1_100, 1_000],
  ]
  for (const [name, sizeBytes, most] of answers) {
    const victim = await startTrustNode(t, 'victim', ANSWER)
    const liar = await startHost(t, 'liar')
    await answerTrust(liar, (request) =>
      request.kind === 'chunk'
        ? { kind: 'chunk', bytes: list.subarray(request.offset, request.offset + most) }
        : { kind: 'announce' },
    )
    await liar.dial(multiaddr(victim.address()))
    await ask(await openTrust(liar), { kind: 'announce', lists: [announcementOf(list, { sizeBytes })] })
    await until(() => victim.overlay.state().trust?.faults === 1, name)
    t.equal(victim.trust.received.length, 0)
  }
})

t.test('a staller costs a moment; then another peer is asked', async (t) => {
  const list = makeList(5, 600_000)
  const victim = await startTrustNode(t, 'victim', ANSWER)
  const staller = await startHost(t, 'staller')
  let asked = 0
  await answerTrust(staller, (request) => {
    if (request.kind !== 'chunk') return { kind: 'announce' }
    asked += 1
    return undefined
  })
  await staller.dial(multiaddr(victim.address()))
  await ask(await openTrust(staller), { kind: 'announce', lists: [announcementOf(list)] })
  await until(() => asked === 1, 'the staller is asked')
  const honest = await startTrustNode(t, 'honest', { bootstrap: [victim.address()] })
  honest.trust.apply(list)
  const began = performance.now()
  await until(() => victim.trust.number === 5, 'the list is there')
  t.ok(performance.now() - began < 1_500)
  t.equal(victim.overlay.state().trust?.faults, 0, 'slowness is no fault')
})

t.test(
  'a list that every node refuses is held against who hands it over; one that is ignored is not fetched again',
  async (t) => {
    const trust = new MemoryTrust()
    trust.judge = () => 'ignore'
    const a = await startTrustNode(t, 'a')
    const b = await startTrustNode(t, 'b', { trust, bootstrap: [a.address()] })
    a.trust.apply(makeList(1))
    await until(() => trust.received.length === 1, 'ignored')
    a.overlay.announceLists()
    await new Promise((resolve) => setTimeout(resolve, 300))
    t.equal(trust.received.length, 1)
    t.equal(b.overlay.state().trust?.faults, 0)
    trust.judge = () => 'reject'
    b.overlay.announceLists()
    await until(() => b.overlay.state().trust?.faults === 1, 'looked at again, and rejected')
    t.equal(trust.received.length, 2)
  },
)

t.test('a list that could not be judged is fetched again', async (t) => {
  const trust = new MemoryTrust()
  trust.judge = () => {
    trust.judge = () => 'accept'
    throw new Error('the disk is full')
  }
  const a = await startTrustNode(t, 'a')
  await startTrustNode(t, 'b', { trust, bootstrap: [a.address()] })
  a.trust.apply(makeList(1))
  await until(() => trust.number === 1, 'in the end')
  t.equal(trust.received.length, 2)
})

t.test('a peer without the protocol is left alone, and one with it', async (t) => {
  const a = await startTrustNode(t, 'a')
  const plain = await startNode(t, 'plain', { bootstrap: [a.address()] })
  a.trust.wantedEpoch = 3
  await until(() => a.overlay.peers().length === 1, 'connected')
  a.trust.apply(makeList(1))
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.match(a.overlay.state().trust, { failures: 0, faults: 0 })
  t.equal(plain.overlay.state().trust, undefined)
  await plain.overlay.pushRecord(new Uint8Array(10), 'directive')
  plain.overlay.announceLists()
  const stranger = await startHost(t, 'stranger')
  const connection = await stranger.dial(multiaddr(plain.address()))
  await t.rejects(connection.newStream(TRUST_PROTOCOL), { name: 'UnsupportedProtocolError' })
})

t.test('a peer that answers nothing holds up neither lists nor the end', async (t) => {
  const mute = await startHost(t, 'mute')
  await mute.handle(TRUST_PROTOCOL, () => {})
  const [a, b] = await startLine(t, ['a', 'b'], ANSWER)
  await mute.dial(multiaddr(a?.address() ?? ''))
  await until(() => a?.overlay.peers().length === 2, 'connected')
  a?.trust.apply(makeList(1, 100_000))
  await until(() => b?.trust.number === 1, 'the others have it')
  const began = performance.now()
  await a?.overlay.stop()
  t.ok(performance.now() - began < 2_000)
})

t.test('the pseudonym key comes from whoever has it, and from trusted peers alone', async (t) => {
  const key = new Uint8Array(32).fill(9)
  const [holder, other, seeker] = [new MemoryTrust(), new MemoryTrust(), new MemoryTrust()]
  holder.key = { epoch: 2, key }
  seeker.wantedEpoch = 2
  const a = await startTrustNode(t, 'a', { trust: other })
  const b = await startTrustNode(t, 'b', { trust: holder, judge: (id) => (id === 'stale' ? { verdict: 'stale' } : {}) })
  await startTrustNode(t, 'seeker', { trust: seeker, bootstrap: [a.address(), b.address()] })
  await until(() => seeker.key !== undefined, 'the key is there')
  t.same(seeker.key, { epoch: 2, key })
  const stale = new MemoryTrust()
  stale.wantedEpoch = 2
  await startTrustNode(t, 'stale', { trust: stale, bootstrap: [b.address()] })
  await new Promise((resolve) => setTimeout(resolve, 400))
  t.equal(stale.key, undefined)
  const wary = new MemoryTrust()
  Object.assign(wary, { wantedEpoch: 2, judgeKey: () => 'reject' })
  const c = await startTrustNode(t, 'c', { trust: wary, bootstrap: [b.address()] })
  await until(() => c.overlay.state().trust?.faults === 1, 'a key that does not fit its hash is a lie')
})
