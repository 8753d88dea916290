import { createSocket } from 'node:dgram'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { SimulatedRandom, silentLogger, systemClock } from '../../core/index.ts'
import { createOverlay } from '../../overlay/index.ts'
import { MAX_CONNECTIONS_PER_PEER } from '../../overlay/limits.ts'
import { MemoryChains, MemoryRecords, makeRecord, rpcFrame, startHost, startNode, until } from './harness.ts'

const REDIAL = { baseMs: 50, maxMs: 400 }

t.test('a node finds its bootstrap peer when that starts later, and again after it was away', async (t) => {
  const first = await startNode(t, 'a')
  const address = first.address()
  await first.overlay.stop()
  const b = await startNode(t, 'b', { bootstrap: [address], redial: REDIAL })
  const events: string[] = []
  b.overlay.on('connected', (peer) => events.push(`+${peer.nodeId}`))
  b.overlay.on('disconnected', (peer) => events.push(`-${peer.nodeId}`))
  await new Promise((resolve) => setTimeout(resolve, 200))
  const listen = [address.split('/p2p/')[0] ?? '']
  const second = await startNode(t, 'a', { listen })
  await until(() => b.overlay.peers().length === 1, 'connected')
  await second.overlay.stop()
  await until(() => b.overlay.peers().length === 0, 'disconnected')
  await startNode(t, 'a', { listen })
  await until(() => b.overlay.peers().length === 1, 'connected again')
  t.same(events, ['+a', '-a', '+a'])
})

t.test('a bootstrap address without a PeerId will do', async (t) => {
  const a = await startNode(t, 'a')
  const b = await startNode(t, 'b', { bootstrap: [a.address().split('/p2p/')[0] ?? ''], redial: REDIAL })
  await until(() => b.overlay.peers().length === 1, 'connected')
  const [peer] = b.overlay.peers()
  t.match(peer, { nodeId: 'a', direction: 'outbound', peerId: a.overlay.peerId, link: { class: 'plain' } })
  t.match(a.overlay.peers()[0], { nodeId: 'b', direction: 'inbound' })
})

t.test('the side that was dialled looks for a lost peer as well, later', async (t) => {
  const a = await startNode(t, 'a', { redial: { baseMs: 20, maxMs: 100 } })
  const b = await startNode(t, 'b', { bootstrap: [a.address()] })
  const listen = [b.address().split('/p2p/')[0] ?? '']
  await until(() => a.overlay.peers().length === 1, 'connected')
  await until(() => b.overlay.state().inGossip === 1 && a.overlay.state().inGossip === 1, 'identified')
  await b.overlay.stop()
  await until(() => a.overlay.peers().length === 0, 'disconnected')
  await startNode(t, 'b', { listen })
  await until(() => a.overlay.peers().length === 1, 'a dialled b')
  t.equal(a.overlay.peers()[0]?.direction, 'outbound')
})

t.test('a mesh has no more peers than it wants', async (t) => {
  const a = await startNode(t, 'a', { maxPeers: 2 })
  const others = await Promise.all(
    ['b', 'c', 'd'].map((name) => startNode(t, name, { bootstrap: [a.address()], redial: REDIAL })),
  )
  await until(() => a.overlay.peers().length === 2, 'two are in')
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.equal(a.overlay.peers().length, 2)
  t.equal(others.filter((node) => node.overlay.peers().length === 1).length, 2, 'the third is out, and knows')
})

t.test('a configured peer is let in beyond that', async (t) => {
  const first = await startNode(t, 'first')
  const address = first.address()
  await first.overlay.stop()
  const a = await startNode(t, 'a', { maxPeers: 1, bootstrap: [address], redial: REDIAL })
  await startNode(t, 'b', { bootstrap: [a.address()] })
  await until(() => a.overlay.peers().length === 1, 'full')
  await startNode(t, 'first', { listen: [address.split('/p2p/')[0] ?? ''] })
  await until(() => a.overlay.peers().length === 2, 'the configured one is in', 4_000)
  const c = await startNode(t, 'c', { bootstrap: [a.address()], redial: REDIAL })
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.equal(c.overlay.peers().length, 0, 'nobody else is')
})

t.test('one peer has no more than two connections, however many it opens at once', async (t) => {
  const victim = await startNode(t, 'victim', { maxPeers: 2 })
  const insider = await startHost(t, 'insider')
  const address = multiaddr(victim.address())
  const dial = () => insider.dial(address, { force: true })
  await Promise.allSettled(Array.from({ length: 12 }, dial))
  for (let at = 0; at < 12; at += 1) await dial().catch(() => {})
  const open = () => insider.getConnections().filter((connection) => connection.status === 'open').length
  await until(() => open() <= MAX_CONNECTIONS_PER_PEER, 'the others are closed')
  t.ok(open() >= 1)
  t.equal(victim.overlay.peers().length, 1)
  const honest = await startNode(t, 'honest', { bootstrap: [victim.address()] })
  await until(() => honest.overlay.peers().length === 1, 'there is room for others')
})

t.test('a node can be disconnected, as after its revocation', async (t) => {
  const a = await startNode(t, 'a')
  const b = await startNode(t, 'b', { bootstrap: [a.address()] })
  await until(() => a.overlay.peers().length === 1, 'connected')
  await a.overlay.disconnect('b')
  t.equal(a.overlay.peers().length, 0)
  await until(() => b.overlay.peers().length === 0, 'b sees it')
})

t.test('mDNS finds the nodes of the same mesh on the LAN', async (t) => {
  if (!(await multicastWorks())) {
    t.comment('this machine has no multicast')
    return
  }
  const a = await startNode(t, 'a', { mdns: true })
  const b = await startNode(t, 'b', { mdns: true })
  const stranger = await startNode(t, 'c', { mdns: true, mesh: 'south-grid' })
  await until(() => a.overlay.peers().length === 1 && b.overlay.peers().length === 1, 'found', 12_000)
  t.equal(stranger.overlay.peers().length, 0, 'another mesh is not found')
})

function multicastWorks(): Promise<boolean> {
  const receiver = createSocket({ type: 'udp4', reuseAddr: true })
  return new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), 500)
    receiver.on('error', () => resolve(false))
    receiver.on('message', () => {
      clearTimeout(timer)
      resolve(true)
    })
    receiver.bind(0, () => {
      try {
        receiver.addMembership('224.0.0.251')
        receiver.setMulticastLoopback(true)
        receiver.send('x', receiver.address().port, '224.0.0.251', (error) => error && resolve(false))
      } catch {
        resolve(false)
      }
    })
  }).finally(() => receiver.close())
}

t.test('stop is clean within two seconds, with busy peers connected, and leaves nothing open', async (t) => {
  const before = process.getActiveResourcesInfo().filter(isLasting).length
  const a = await startNode(t, 'a')
  const b = await startNode(t, 'b', { bootstrap: [a.address()], redial: REDIAL })
  const c = await startNode(t, 'c', { bootstrap: [a.address(), b.address()], redial: REDIAL })
  await until(() => c.overlay.peers().length === 2 && a.overlay.peers().length === 2, 'connected')
  for (let at = 0; at < 500; at += 1) void a.overlay.publish(makeRecord(`${at}`.padEnd(2_000, '.')), 'anomaly')
  for (const node of [a, b, c]) {
    const startMs = Date.now()
    await node.overlay.stop()
    t.ok(Date.now() - startMs < 2_000, `${node.nodeId} stopped`)
    await node.overlay.stop()
  }
  await t.rejects(a.overlay.publish(makeRecord('late'), 'anomaly'), { code: 'OVERLAY_NOT_RUNNING' })
  a.overlay.announce({ origin: 'a', seq: 1, id: new Uint8Array(32) })
  await until(() => process.getActiveResourcesInfo().filter(isLasting).length <= before, 'nothing is left')
})

/** Sockets, servers and timers that keep a process alive. */
function isLasting(resource: string): boolean {
  return /TCP|UDP|Timeout/.test(resource)
}

t.test('stop does not wait for a peer that reads nothing', async (t) => {
  const a = await startNode(t, 'a')
  const host = await startHost(t, 'b')
  await host.handle('/meshsub/1.2.0', (stream) => stream.pause())
  const connection = await host.dial(multiaddr(a.address()))
  const stream = await connection.newStream('/meshsub/1.2.0')
  const subscriptions = [{ subscribe: true, topic: '/dadm-mesh/north-grid/anomaly/1' }]
  stream.send(rpcFrame({ subscriptions }))
  await until(() => a.overlay.state().inGossip === 1, 'in gossip')
  let written = 0
  for (let at = 0; at < 60; at += 1) {
    written += await a.overlay.publish(makeRecord(`${at}`.padEnd(60_000, '.')), 'anomaly')
  }
  t.equal(written, 60, 'all of it waits for b')
  const startMs = Date.now()
  await a.overlay.stop()
  t.ok(Date.now() - startMs < 2_000)
})

t.test('an address that is taken is named as such', async (t) => {
  const a = await startNode(t, 'a')
  const listen = [a.address().split('/p2p/')[0] ?? '']
  await t.rejects(startNode(t, 'b', { listen }), { code: 'OVERLAY_LISTEN' })
})

t.test('options are checked', async (t) => {
  const dependencies = {
    clock: systemClock(),
    random: new SimulatedRandom(1),
    logger: silentLogger(),
    records: new MemoryRecords(),
    chains: new MemoryChains(),
    encrypter: () => {
      throw new Error('never asked')
    },
  }
  const base = { mesh: 'north-grid', privateKey: new Uint8Array(32) }
  const wrong: object[] = [
    { mesh: 'North Grid' },
    { privateKey: new Uint8Array(31) },
    { maxPears: 3 },
    { maxPeers: 0 },
    { listen: ['localhost:4001'] },
    { bootstrap: ['/ip4/300.0.0.1/tcp/1'] },
    { gossip: { degre: 3 } },
    { gossip: { maxAgeMs: 60_000 } },
    { gossip: { degree: 3, degreeLow: 5 } },
    { sync: { period: 3 } },
    { sync: { budget: { burstBytes: 1 } } },
    { redial: { baseMs: 100, maxMs: 10 } },
  ]
  for (const change of wrong) await t.rejects(createOverlay({ ...base, ...change }, dependencies), TypeError)
})
