// Bundles between overlay nodes that are really connected, with real queues on both ends.
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { PRIORITIES } from '../../../bundles/index.ts'
import { uintBytes } from '../../../core/index.ts'
import {
  decodeBundleAnswer,
  decodeBundleRequest,
  encodeBundleAnswer,
  encodeBundleRequest,
  OUTCOMES,
} from '../../../overlay/bundles/codec.ts'
import type { BundlePort } from '../../../overlay/index.ts'
import { BUNDLES_PROTOCOL } from '../../../overlay/index.ts'
import { MAX_BUNDLE_FRAME_BYTES, MAX_OVERLAY_BUNDLE_BYTES } from '../../../overlay/limits.ts'
import { FrameStream } from '../../../overlay/streams/index.ts'
import { eid, GROUP, post, Scene, type SceneNode } from '../../bundles/node-scene.ts'
import { startHost, startNode, until } from '../harness.ts'

/** The port of a bundle node: what a node_id is called in its scene. */
function portOf({ node }: SceneNode): BundlePort {
  return {
    endpointOf: (nodeId) => eid(nodeId),
    opened: (contact) => node.opened(contact),
    closed: (contact) => node.closed(contact),
    received: (bytes, from) => node.received(bytes, from),
  }
}

type Test = { testdir(): string; teardown(action: () => Promise<void>): void }

function scene(t: Test): Scene {
  const made = new Scene(t.testdir())
  t.teardown(() => made.close())
  return made
}

t.test('bundles cross to connected peers, most urgent first, and over a third to one that comes later', async (t) => {
  const on = scene(t)
  const [a, relay, b] = [await on.node('a'), await on.node('relay'), await on.node('b')]
  for (const [text, priority] of [
    ['bulk', PRIORITIES.bulk],
    ['control', PRIORITIES.control],
    ['normal', PRIORITIES.normal],
  ] as const) {
    await post(a, eid('b', 'inbox'), text, { priority })
  }
  await post(a, GROUP, 'all')
  const first = await startNode(t, 'a', { bundles: portOf(a) })
  const middle = await startNode(t, 'relay', { bundles: portOf(relay), bootstrap: [first.address()] })
  await until(() => relay.queue.status().count === 4, 'the relay carries them')
  await first.overlay.stop()
  await until(() => relay.node.status().contacts.length === 0, 'the first is gone')
  await startNode(t, 'b', { bundles: portOf(b), bootstrap: [middle.address()] })
  await until(() => b.inbox.length === 4, 'they arrive')
  t.same(b.inbox, ['control', 'normal', 'all', 'bulk'])
  t.match(relay.node.status().contacts, [{ peer: eid('b'), layer: 'overlay', authenticated: true, confirmed: true }])
  await until(() => relay.queue.status().count === 1, 'only the group’s bundle lives on')
})

t.test('a large bundle crosses; many do, both ways at once', async (t) => {
  const on = scene(t)
  const files = (name: string) => ({ queue: { directory: `${t.testdirName}/${name}-files` } })
  const [a, b] = [await on.node('a', files('a')), await on.node('b', files('b'))]
  await post(a, eid('b', 'inbox'), 'x'.repeat(1_500_000))
  const first = await startNode(t, 'a', { bundles: portOf(a) })
  await startNode(t, 'b', { bundles: portOf(b), bootstrap: [first.address()] })
  await until(() => b.inbox.length === 1, 'the large one')
  t.equal(b.inbox[0]?.length, 1_500_000)
  await Promise.all(Array.from({ length: 100 }, (_, at) => post(a, eid('b', 'inbox'), `to b ${at}`)))
  await Promise.all(Array.from({ length: 100 }, (_, at) => post(b, eid('a', 'inbox'), `to a ${at}`)))
  await until(() => a.inbox.length === 100 && b.inbox.length === 101, 'all of them')
  await until(() => a.queue.status().count + b.queue.status().count === 0, 'and nothing is left')
})

t.test('who may not receive is no contact; what somebody hands over who may not forward is not taken', async (t) => {
  const on = scene(t)
  const [a, b] = [await on.node('a'), await on.node('b')]
  const stale = { verdict: 'stale', reasons: [] } as const
  const cut = { stale: { receive: true, forward: false, publish: false } }
  const first = await startNode(t, 'a', { bundles: portOf(a), capabilities: cut, judge: () => stale })
  await startNode(t, 'b', { bundles: portOf(b), bootstrap: [first.address()] })
  await post(b, eid('a', 'inbox'), 'from b')
  await until(() => b.node.status().contacts[0]?.pausedUntilMs !== undefined, 'it is told to wait')
  t.same(a.inbox, [])
  await post(a, eid('b', 'inbox'), 'from a')
  await until(() => b.inbox.length === 1, 'the other way is open')
})

t.test('a peer that sends rubbish, or frames above the cap, gets nowhere and keeps nobody up', async (t) => {
  const on = scene(t)
  const victim = await on.node('victim')
  const node = await startNode(t, 'victim', { bundles: portOf(victim) })
  const insider = await startHost(t, 'insider')
  const connection = await insider.dial(multiaddr(node.address()))
  await until(() => victim.node.status().contacts.length === 1, 'it is a contact')
  const ask = async (frame: Uint8Array) => {
    const frames = new FrameStream(await connection.newStream(BUNDLES_PROTOCOL), MAX_BUNDLE_FRAME_BYTES)
    await frames.write(frame)
    const answer = decodeBundleAnswer((await frames.read()) ?? new Uint8Array())
    await frames.close()
    return answer
  }
  t.same(await ask(Uint8Array.of(1, 2, 3)), { kind: 'refusal', reason: 'malformed' })
  t.same(await ask(encodeBundleRequest({ kind: 'bundle', bytes: new Uint8Array(100) })), {
    kind: 'bundle',
    outcome: 'unacceptable',
  })
  const stream = await connection.newStream(BUNDLES_PROTOCOL)
  const closed = new Promise((resolve) => stream.addEventListener('close', resolve, { once: true }))
  stream.send(uintBytes(MAX_BUNDLE_FRAME_BYTES + 1, 4))
  await closed
  t.equal(node.overlay.peers().length, 1, 'the connection stands')
  t.equal(victim.queue.status().count, 0)
})

t.test('a peer that is sent away is no contact any more', async (t) => {
  const on = scene(t)
  const [a, b] = [await on.node('a'), await on.node('b')]
  const first = await startNode(t, 'a', { bundles: portOf(a) })
  await startNode(t, 'b', { bundles: portOf(b), bootstrap: [first.address()] })
  await until(() => a.node.status().contacts.length === 1, 'they meet')
  await first.overlay.disconnect('b')
  t.same(a.node.status().contacts, [])
})

t.test('messages', async (t) => {
  const bytes = Uint8Array.of(1, 2, 3)
  t.same(decodeBundleRequest(encodeBundleRequest({ kind: 'bundle', bytes })), { kind: 'bundle', bytes })
  for (const outcome of OUTCOMES) {
    t.same(decodeBundleAnswer(encodeBundleAnswer({ kind: 'bundle', outcome })), { kind: 'bundle', outcome })
  }
  const refusal = { kind: 'refusal', reason: 'busy' } as const
  t.same(decodeBundleAnswer(encodeBundleAnswer(refusal)), refusal)
  for (const wrong of ['', '80', '8101', '820240', '8201f6', '820104', '83014000', '820009', '82014000']) {
    const frame = new Uint8Array(Buffer.from(wrong, 'hex'))
    if (wrong !== '820104') t.throws(() => decodeBundleRequest(frame), { code: 'OVERLAY_BUNDLE_MALFORMED' }, wrong)
    t.throws(() => decodeBundleAnswer(frame), { code: 'OVERLAY_BUNDLE_MALFORMED', action: 'reject' }, wrong)
  }
  t.ok(MAX_BUNDLE_FRAME_BYTES > MAX_OVERLAY_BUNDLE_BYTES)
})
