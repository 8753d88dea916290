import t from 'tap'
import { decodeHandling, HANDLING_BLOCK } from '../../bundles/codec/index.ts'
import { bundleAgeMs, decodeBundle, hopCountOf, PRIORITIES, previousNodeOf } from '../../bundles/index.ts'
import { PAUSE_BASE_MS } from '../../bundles/limits.ts'
import { direct, RoutingPlan, sprayAndWait } from '../../bundles/routing/index.ts'
import { eid, GROUP, join, post, Scene } from './node-scene.ts'

const { bulk, normal, urgent, control } = PRIORITIES

type Test = { testdir(): string; teardown(action: () => unknown): void }

function scene(t: Test): Scene {
  const made = new Scene(t.testdir())
  t.teardown(() => made.close())
  return made
}

t.test('two nodes that only ever meet a third in turn: bundles cross by priority, before they expire', async (t) => {
  const on = scene(t)
  const [a, relay, b] = [await on.node('a'), await on.node('relay'), await on.node('b')]
  await post(a, eid('b', 'inbox'), 'bulk', { priority: bulk })
  await post(a, eid('b', 'inbox'), 'late', { priority: urgent, lifetimeMs: 5000 })
  await post(a, eid('b', 'inbox'), 'normal', { priority: normal })
  await post(a, eid('b', 'inbox'), 'control', { priority: control })
  const order: (string | undefined)[] = []
  const onBundle = (bytes: Uint8Array) => {
    const bundle = decodeBundle(bytes)
    order.push(Buffer.from(bundle.blocks.at(-1)?.data ?? []).toString())
    return undefined
  }
  const cut = join(a, relay, { onBundle })
  await on.until(() => relay.queue.status().count === 4)
  t.same(order, ['control', 'late', 'normal', 'bulk'])
  cut()
  await on.clock.advance(5000)
  await on.until(() => relay.queue.status().count === 3)
  order.length = 0
  join(relay, b, { onBundle })
  await on.until(() => b.inbox.length === 3)
  t.same(b.inbox, ['control', 'normal', 'bulk'])
  t.same(order, b.inbox, 'what has expired does not travel')
  await on.until(() => relay.queue.status().count === 0)
  await on.until(() => b.queue.status().count === 0)
})

t.test('what changes on the way: previous node, hops, age, copies; the rest stays', async (t) => {
  const on = scene(t)
  const routing = new RoutingPlan({ strategy: sprayAndWait({ copies: 8 }) })
  const [a, b] = [await on.node('a', { routing }), await on.node('b', { routing })]
  await post(a, eid('far', 'inbox'), 'hello', { priority: urgent })
  await on.clock.advance(1500)
  const seen: Uint8Array[] = []
  join(a, b, { onBundle: (bytes) => void seen.push(bytes) })
  const arrived = () => b.queue.waiting({ scope: { constraint: 'forward' }, limit: 1 })
  await on.until(async () => (await arrived()).length === 1)
  const bundle = decodeBundle(seen[0]!)
  t.equal(previousNodeOf(bundle), eid('a'))
  t.same(hopCountOf(bundle), { limit: 32, count: 1 })
  t.equal(bundleAgeMs(bundle), 1500)
  const handling = bundle.blocks.find(({ type }) => type === HANDLING_BLOCK)
  t.same(decodeHandling(handling!.data), { priority: urgent, copies: 4 })
  const [waiting] = await arrived()
  t.match(await b.queue.get(waiting!.id), { copies: 4, priority: urgent, peer: eid('a') })
  await on.until(async () => (await a.queue.get(waiting!.id))?.copies === 4)
})

t.test('a group is delivered everywhere once, however the nodes are joined', async (t) => {
  const on = scene(t)
  const nodes = [await on.node('a'), await on.node('b'), await on.node('c')] as const
  const [a, b, c] = nodes
  let sent = 0
  const onBundle = () => {
    sent += 1
    return undefined
  }
  for (const [one, other] of [
    [a, b],
    [b, c],
    [c, a],
  ] as const) {
    join(one, other, { onBundle })
  }
  await post(a, GROUP, 'to all')
  await on.until(() => nodes.every(({ inbox }) => inbox.length > 0))
  await on.rest()
  t.same(
    nodes.map(({ inbox }) => inbox),
    [['to all'], ['to all'], ['to all']],
  )
  t.ok(sent <= 4, `${sent} transfers for three nodes in a ring`)
  t.ok(
    nodes.every(({ queue }) => queue.status().count === 1),
    'it lives out its lifetime',
  )
})

t.test('a bundle ends with its hops', async (t) => {
  const on = scene(t)
  const line = []
  for (const name of ['a', 'b', 'c', 'd']) line.push(await on.node(name, { node: { hopLimit: 2 } }))
  const [a, b, c, d] = line as [(typeof line)[0], (typeof line)[0], (typeof line)[0], (typeof line)[0]]
  join(a, b)
  join(b, c)
  join(c, d)
  const { id } = await post(a, eid('d', 'inbox'), 'too far')
  await on.until(() => c.queue.isKnown(id))
  await on.rest()
  t.same(d.inbox, [])
  t.equal(await d.queue.isKnown(id), false)
  t.match(await c.node.explain(id), { contacts: [{ outlook: 'seen' }, { outlook: 'hops' }] })
})

t.test('a neighbour without room is left alone for a while, then gets everything', async (t) => {
  const on = scene(t)
  const [a, b] = [await on.node('a'), await on.node('b')]
  for (const text of ['one', 'two', 'three']) await post(a, eid('b', 'inbox'), text)
  let full = true
  let offered = 0
  join(a, b, {
    onBundle: () => {
      offered += 1
      return full ? { taken: false, reason: 'no-resources' } : undefined
    },
  })
  await on.until(() => a.node.status().contacts[0]?.pausedUntilMs !== undefined)
  await on.rest()
  t.ok(offered <= 3)
  t.same(b.inbox, [])
  full = false
  await on.clock.advance(PAUSE_BASE_MS)
  await on.until(() => b.inbox.length === 3)
  await on.until(() => a.queue.status().count === 0)
})

t.test('a cut link loses nothing: it is offered again, and a duplicate is as good as taken', async (t) => {
  const on = scene(t)
  const [a, b] = [await on.node('a'), await on.node('b', { serves: false })]
  const { id } = await post(a, eid('b', 'inbox'), 'once')
  const cut = join(a, b, { onBundle: () => 'lost' })
  await on.rest()
  t.equal(a.queue.status().count, 1)
  cut()
  // It arrives, but the acknowledgement does not.
  let end = () => {}
  end = join(a, b, {
    onBundle: () => {
      setImmediate(() => end())
      return undefined
    },
  })
  await on.until(() => b.queue.isKnown(id))
  await on.rest()
  join(a, b)
  await on.until(() => a.queue.status().count === 0)
  t.equal(b.queue.status().count, 1)
  t.match(await b.node.explain(id), { waitsFor: /nobody takes what comes for/, constraints: ['deliver'] })
})

t.test('what nobody confirms is kept, and not sent twice on one contact', async (t) => {
  const on = scene(t)
  const [a, b] = [await on.node('a'), await on.node('b')]
  await post(a, eid('b', 'inbox'), 'maybe')
  let sent = 0
  const onBundle = () => {
    sent += 1
    return undefined
  }
  const cut = join(a, b, { confirmed: false, onBundle })
  await on.until(() => b.inbox.length === 1)
  await post(a, eid('b', 'inbox'), 'more')
  await on.until(() => b.inbox.length === 2)
  t.equal(sent, 2)
  t.equal(a.queue.status().count, 2)
  cut()
  join(a, b)
  await on.until(() => a.queue.status().count === 0)
  t.equal(b.inbox.length, 2, 'the node that has it knows it again')
})

t.test('a delivery frees copies elsewhere on the word of the destination alone', async (t) => {
  const on = scene(t)
  const [a, b] = [await on.node('a'), await on.node('b')]
  const { id } = await post(a, eid('far', 'inbox'), 'x')
  const toGroup = await post(a, GROUP, 'all')
  const cut = join(a, b)
  await on.until(async () => (await b.queue.isKnown(id)) && (await b.queue.isKnown(toGroup.id)))
  cut()
  t.equal(await b.node.delivered(eid('other'), [id]), 0)
  t.equal(await b.node.delivered(eid('far'), [id, toGroup.id]), 1)
  t.equal(await b.queue.get(id), undefined)
  t.ok(await b.queue.get(toGroup.id), 'a group lives out its lifetime')
  join(a, b)
  await on.rest()
  t.equal(await b.queue.get(id), undefined, 'and it does not come back')
})

t.test('an application that fails gets it again; one that does not want it never more', async (t) => {
  const on = scene(t)
  const a = await on.node('a')
  let tries = 0
  const delivered: Uint8Array[] = []
  a.node.onDelivered(({ id }) => delivered.push(id))
  a.node.register(eid('a', 'shaky'), async () => {
    tries += 1
    if (tries < 3) throw new Error('not now')
    return 'done'
  })
  a.node.register(eid('a', 'picky'), async () => 'unwanted')
  const { id } = await post(a, eid('a', 'shaky'), 'x')
  await post(a, eid('a', 'picky'), 'y')
  await on.until(() => tries === 1)
  await on.until(() => a.queue.status().count === 1)
  await on.clock.advance(10_000)
  await on.until(() => tries === 2)
  await on.rest()
  await on.clock.advance(10_000)
  await on.until(() => a.queue.status().count === 0)
  t.same(delivered, [id], 'the unwanted one was not delivered')
  t.throws(() => a.node.register(eid('a', 'shaky'), async () => 'done'), TypeError)
})

t.test('where no application is, arrivals cost no look through what waits; the first one gets it all', async (t) => {
  const on = scene(t)
  const a = await on.node('a', { serves: false })
  const reads = t.capture(a.queue, 'waiting', a.queue.waiting)
  for (const text of ['x', 'y', 'z']) await post(a, eid('a', 'late'), text)
  await on.rest()
  t.equal(reads().length, 0)
  const taken: string[] = []
  a.node.register(eid('a', 'late'), async ({ payload }) => {
    taken.push(Buffer.from(payload).toString())
    return 'done'
  })
  await on.until(() => a.queue.status().count === 0)
  t.same(taken, ['x', 'y', 'z'])
})

t.test('explain says why a bundle is here and what would move it', async (t) => {
  const on = scene(t)
  const routing = new RoutingPlan({ strategy: direct() })
  const [a, b] = [await on.node('a', { routing }), await on.node('b', { routing })]
  join(a, b)
  const { id, expiresAtMs } = await post(a, eid('c', 'inbox'), 'wait', { priority: bulk })
  t.equal(expiresAtMs, on.clock.now() + 60_000)
  await on.rest()
  await on.clock.advance(1000)
  t.match(await a.node.explain(id), {
    destination: eid('c', 'inbox'),
    priority: bulk,
    constraints: ['forward'],
    from: undefined,
    seenBy: 0,
    remainingMs: 59_000,
    strategy: 'direct',
    waitsFor: 'It waits until this node meets its destination.',
    contacts: [{ peer: eid('b'), outlook: 'no-route' }],
  })
  t.equal(await a.node.explain(new Uint8Array(32)), undefined)
  t.match(a.node.status(), { self: eid('a'), queue: { count: 1 }, contacts: [{ peer: eid('b'), sent: 0 }] })
})

t.test('what is malformed, spent or unwelcome is refused for good', async (t) => {
  const on = scene(t)
  const a = await on.node('a')
  const unacceptable = { taken: false, reason: 'unacceptable' }
  const from = { peer: eid('x') } as never
  t.match(await a.node.received(new Uint8Array(5), from), unacceptable)
  await a.queue.close()
  const b = await on.node('b', { queue: { maxBytes: 10 } })
  await t.rejects(post(b, eid('c'), 'no room'), { code: 'BUNDLES_NOT_QUEUEABLE' })
})
