// Real sockets against peers that do not play along.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { parseSocketAddress } from '../../../bundles/links/address.ts'
import { startTcpcl, type TcpclLayer, type TcpclOptions } from '../../../bundles/links/index.ts'
import { type Clock, SimulatedClock, systemClock } from '../../../core/index.ts'
import { makeTestMesh, type TestNode } from '../../helpers/pki.ts'
import { opaque, Recorder, securityOf } from './support.ts'

const mesh = await makeTestMesh({ nodes: ['near', 'far', { nodeId: 'stranger', flaw: 'other-root' }] })
const HEADER = '64746e210400'
const INIT = '07000000000000000100000000000001000000000864746e3a2f2f612f00000000'

interface Start {
  readonly node: string
  readonly events?: Recorder
  readonly clock?: Clock
  readonly options?: Partial<TcpclOptions>
}

async function start(t: Test, { node, events = new Recorder(), clock = systemClock(), options = {} }: Start) {
  const security = securityOf(mesh, mesh.node(node))
  const settings = { nodeId: `dtn://${node}.test-mesh/`, tls: 'refused', listen: ['0'], ...options } as const
  const layer = await startTcpcl(settings, { clock, events, security })
  t.teardown(() => layer.close())
  return layer
}

/** A peer that sends and reads what the test says. */
async function rawPeer(t: Test, layer: TcpclLayer): Promise<Socket> {
  const socket = connect(parseSocketAddress(layer.listening[0]!))
  socket.on('error', () => undefined)
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** Everything that the far end sends until it closes. */
async function restOf(socket: Socket): Promise<string> {
  const chunks: Uint8Array[] = []
  socket.on('data', (chunk: Uint8Array) => chunks.push(chunk))
  if (!socket.closed) await once(socket, 'close')
  return Buffer.concat(chunks).toString('hex')
}

t.test('ten thousand small bundles both ways at once', async (t) => {
  for (const tls of ['refused', 'required'] as const) {
    const [near, far] = [new Recorder(), new Recorder()]
    const options = { tls, windowBundles: 64 }
    const [a, b] = [
      await start(t, { node: 'near', events: near, options }),
      await start(t, { node: 'far', events: far, options }),
    ]
    const contact = await a.connect(`dtn://far.test-mesh/@${b.listening[0]}`)
    await far.until(() => far.contacts.length === 1)
    const later = () => new Promise<{ taken: true }>((resolve) => setImmediate(() => resolve({ taken: true })))
    far.answer = later
    const count = 10_000
    const sent = [contact, far.contacts[0]!].map((from) =>
      Promise.all(Array.from({ length: count }, (_, at) => from.send(opaque(at)))),
    )
    const handovers = (await Promise.all(sent)).flat()
    t.ok(handovers.every(({ taken }) => taken))
    for (const end of [near, far]) {
      t.equal(end.bundles.length, count)
      t.ok(
        end.bundles.every((bytes, at) => Buffer.compare(bytes, opaque(at)) === 0),
        'in order, none twice',
      )
    }
  }
})

t.test('a cable that is pulled fails what was not acknowledged, and only that', async (t) => {
  const [near, far] = [new Recorder(), new Recorder()]
  const [a, b] = [await start(t, { node: 'near', events: near }), await start(t, { node: 'far', events: far })]
  // A cable in between, which the test can cut.
  const ends: Socket[] = []
  const cable = createServer((from) => {
    const to = connect(parseSocketAddress(b.listening[0]!))
    for (const socket of [from, to]) socket.on('error', () => undefined)
    from.pipe(to).pipe(from)
    ends.push(from, to)
  }).listen(0, '127.0.0.1')
  await once(cable, 'listening')
  t.teardown(() => cable.close())
  const { port } = cable.address() as { port: number }
  const contact = await a.connect(`127.0.0.1:${port}`)
  const taken = new Set<number>()
  let stored = 0
  far.answer = async () => {
    stored += 1
    if (stored === 50) for (const end of ends) end.destroy()
    return { taken: true }
  }
  const outcomes = await Promise.allSettled(
    Array.from({ length: 200 }, async (_, at) => {
      await contact.send(opaque(at, 20_000))
      taken.add(at)
    }),
  )
  const failed = outcomes.filter((outcome) => outcome.status === 'rejected')
  t.ok(failed.length >= 150, `${failed.length} failed`)
  t.ok(failed.every(({ reason }) => reason.code === 'BUNDLES_LINK_CLOSED'))
  await far.until(() => far.ended.length === 1)
  t.ok(taken.size <= stored, 'nothing is said to be taken that was not stored')
  t.equal(
    new Set(far.bundles.map((bytes) => Buffer.from(bytes).toString('hex'))).size,
    far.bundles.length,
    'none twice',
  )
  t.same([near.ended.length, far.ended.length], [1, 1])
})

t.test(
  'a peer that does not speak TCPCL, or another version, or breaks its rules, is ended and nothing else',
  async (t) => {
    const far = new Recorder()
    const layer = await start(t, { node: 'far', events: far })
    const streams = {
      'another protocol': 'GET / HTTP/1.1\r\n\r\n',
      'another version': Buffer.from('64746e210300', 'hex'),
      'an endless node id': Buffer.from(`${HEADER}07000000000000000100000000000001000000ffff`, 'hex'),
      'a segment beyond the MRU': Buffer.from(`${HEADER}${INIT}0103000000000000000000000000ffffffffffffffff`, 'hex'),
    }
    for (const [what, bytes] of Object.entries(streams)) {
      const socket = await rawPeer(t, layer)
      socket.write(bytes)
      await restOf(socket)
      t.same([socket.closed, far.bundles], [true, []], what)
    }
    t.equal(far.bundles.length, 0)
    t.equal(far.ended.length, far.contacts.length)
  },
)

t.test('a peer that is silent or drips before the session stands is ended at the deadline', async (t) => {
  for (const drops of ['', HEADER.slice(0, 6), HEADER, '64746e210401']) {
    const clock = new SimulatedClock()
    const far = new Recorder()
    const layer = await start(t, { node: 'far', events: far, clock, options: { tls: 'allowed', establishMs: 5000 } })
    const socket = await rawPeer(t, layer)
    const ended = restOf(socket)
    if (drops !== '') socket.write(Buffer.from(drops, 'hex'))
    // The deadline is set when the connection is seen, which no event tells of here.
    while (!socket.closed) await clock.advance(5000)
    await ended
    t.equal(far.contacts.length, 0, `no contact after "${drops}"`)
  }
})

t.test('connections above the caps are hung up on; others are served', async (t) => {
  const far = new Recorder()
  const layer = await start(t, { node: 'far', events: far, options: { maxSessionsPerAddress: 2 } })
  const [first, second] = [await rawPeer(t, layer), await rawPeer(t, layer)]
  first.write(Buffer.from(HEADER + INIT, 'hex'))
  await far.until(() => far.contacts.length === 1)
  const third = await rawPeer(t, layer)
  t.equal(await restOf(third), '')
  second.destroy()
  await once(second, 'close')
  for (;;) {
    const next = await rawPeer(t, layer)
    next.write(Buffer.from(HEADER + INIT, 'hex'))
    const outcome = await Promise.race([restOf(next), far.until(() => far.contacts.length === 2).then(() => 'served')])
    if (outcome === 'served') break
  }
  t.equal(far.contacts.length, 2)
})

t.test('a ClientHello that comes together with the contact header is not lost', async (t) => {
  const [near, far] = [new Recorder(), new Recorder()]
  const a = await start(t, { node: 'near', events: near, options: { tls: 'required' } })
  const b = await start(t, { node: 'far', events: far, options: { tls: 'required' } })
  // Holds the contact header back until the ClientHello is there, answering in the place of the far end.
  const relay = createServer((from) => {
    const to = connect(parseSocketAddress(b.listening[0]!))
    for (const socket of [from, to]) socket.on('error', () => undefined)
    from.once('data', (header) => {
      from.write(Buffer.from('64746e210401', 'hex'))
      from.once('data', (hello) => {
        to.write(Buffer.concat([header as Buffer, hello as Buffer]))
        from.pipe(to)
      })
    })
    let skip = 6
    to.on('data', (chunk: Buffer) => {
      const cut = Math.min(skip, chunk.length)
      skip -= cut
      if (chunk.length > cut) from.write(chunk.subarray(cut))
    })
    to.on('close', () => from.destroy())
    from.on('close', () => to.destroy())
  }).listen(0, '127.0.0.1')
  await once(relay, 'listening')
  t.teardown(() => relay.close())
  const contact = await a.connect(`127.0.0.1:${(relay.address() as { port: number }).port}`)
  t.equal(contact.authenticated, true)
  t.same(await contact.send(opaque(1)), { taken: true })
  await contact.close()
})

t.test('who is not of the mesh, or says another name than its certificate, gets no session', async (t) => {
  const far = new Recorder()
  const layer = await start(t, { node: 'far', events: far, options: { tls: 'required' } })
  const stranger = await start(t, { node: 'stranger', options: { tls: 'required' } })
  await t.rejects(stranger.connect(layer.listening[0]!))
  const liar = await start(t, { node: 'near', options: { tls: 'required', nodeId: 'dtn://other.test-mesh/' } })
  await t.rejects(liar.connect(layer.listening[0]!))
  const plain = await start(t, { node: 'near', options: { tls: 'refused' } })
  await t.rejects(plain.connect(layer.listening[0]!))
  t.same([far.contacts.length, far.bundles.length], [0, 0])
  const near = await start(t, { node: 'near', options: { tls: 'required' } })
  await t.rejects(near.connect(`dtn://other.test-mesh/@${layer.listening[0]}`), { code: 'BUNDLES_LINK_IDENTITY' })
  t.equal((await near.connect(layer.listening[0]!)).peer, 'dtn://far.test-mesh/')
})

t.test('another certificate is shown from the next session on', async (t) => {
  const layer = await start(t, { node: 'far', options: { tls: 'required', nodeId: 'dtn://near.test-mesh/' } })
  const near = await start(t, { node: 'near', options: { tls: 'required' } })
  await t.rejects(near.connect(layer.listening[0]!))
  const renewed: TestNode = mesh.node('near')
  layer.renew(securityOf(mesh, renewed))
  t.equal((await near.connect(layer.listening[0]!)).peer, 'dtn://near.test-mesh/')
})

t.test('while bundles wait to be stored, the peer is not read from', async (t) => {
  const far = new Recorder()
  const [a, b] = [
    await start(t, { node: 'near' }),
    await start(t, { node: 'far', events: far, options: { windowBundles: 3 } }),
  ]
  const held: (() => void)[] = []
  far.answer = () => new Promise((resolve) => held.push(() => resolve({ taken: true })))
  const contact = await a.connect(b.listening[0]!)
  const sent = Promise.all(Array.from({ length: 9 }, (_, at) => contact.send(opaque(at))))
  for (let round = 1; round <= 3; round += 1) {
    await far.until(() => far.bundles.length === round * 3)
    await new Promise((resolve) => setImmediate(resolve))
    t.equal(far.bundles.length, round * 3)
    for (const release of held.splice(0)) release()
  }
  t.equal((await sent).length, 9)
})
