import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { parseSocketAddress } from '../../../bundles/links/address.ts'
import { Deframer } from '../../../bundles/links/framed/deframer.ts'
import { MTCP } from '../../../bundles/links/framed/mtcp.ts'
import { STCP } from '../../../bundles/links/framed/stcp.ts'
import { type FramedOptions, startMtcp, startStcp } from '../../../bundles/links/index.ts'
import { type Clock, SimulatedClock, systemClock, toHex } from '../../../core/index.ts'
import { opaque, Recorder } from './support.ts'

interface Start {
  readonly events?: Recorder
  readonly clock?: Clock
  readonly options?: FramedOptions
}

async function start(t: Test, { events = new Recorder(), clock = systemClock(), options = {} }: Start) {
  const layer = await startMtcp({ listen: ['0'], ...options }, { clock, events })
  t.teardown(() => layer.close())
  return layer
}

async function rawPeer(t: Test, address: string): Promise<Socket> {
  const socket = connect(parseSocketAddress(address))
  socket.on('error', () => undefined)
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

t.test('headers, by hand', async (t) => {
  const cases: [number, string][] = [
    [0, '40'],
    [23, '57'],
    [24, '5818'],
    [255, '58ff'],
    [256, '590100'],
    [65_536, '5a00010000'],
  ]
  for (const [length, hex] of cases) {
    t.equal(toHex(MTCP.header(length)), hex)
    t.same(MTCP.read(Buffer.from(hex, 'hex')), { headerBytes: hex.length / 2, length })
    for (let cut = 0; cut < hex.length; cut += 2) t.equal(MTCP.read(Buffer.from(hex.slice(0, cut), 'hex')), undefined)
  }
  t.same(MTCP.read(Buffer.from('5b0000000000000005', 'hex')), { headerBytes: 9, length: 5 }, 'longer than need be')
  for (const hex of ['5f', '80', '00', '18', '5c']) {
    t.throws(() => MTCP.read(Buffer.from(hex, 'hex')), { code: 'BUNDLES_LINK_MALFORMED' }, hex)
  }
  t.equal(toHex(STCP.header(258)), '00000102')
  t.same(STCP.read(Buffer.from('00000102ff', 'hex')), { headerBytes: 4, length: 258 })
  t.equal(STCP.read(Buffer.from('000001', 'hex')), undefined)
})

t.test('bundles in any pieces, with signs of life between them, come out whole', async () => {
  for (const framing of [MTCP, STCP]) {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 99 }),
        (sizes, piece) => {
          const bundles = sizes.map((size, at) => opaque(at, size))
          const stream = Buffer.concat(bundles.flatMap((bytes) => [framing.header(bytes.length), bytes]))
          const deframer = new Deframer(framing, 1000)
          const out: string[] = []
          for (let at = 0; at < stream.length; at += piece) {
            deframer.push(stream.subarray(at, at + piece))
            for (let next = deframer.next(); next !== undefined; next = deframer.next()) out.push(toHex(next))
          }
          const wanted = bundles.filter((bytes) => bytes.length > 0).map(toHex)
          return !deframer.partial && out.join() === wanted.join()
        },
      ),
    )
  }
})

t.test('a length above the cap ends the connection before its bytes have come', async (t) => {
  for (const hex of ['5bffffffffffffffff', '5a00000401']) {
    const events = new Recorder()
    const layer = await start(t, { events, options: { maxBundleBytes: 1024 } })
    const socket = await rawPeer(t, layer.listening[0]!)
    socket.write(Buffer.from(hex, 'hex'))
    await once(socket.resume(), 'close')
    t.same([events.bundles.length, events.ended.length], [0, 1])
  }
  const stcp = await startStcp(
    { listen: ['0'], maxBundleBytes: 1024 },
    { clock: systemClock(), events: new Recorder() },
  )
  t.teardown(() => stcp.close())
  const socket = await rawPeer(t, stcp.listening[0]!)
  socket.write(Buffer.from('00000401', 'hex'))
  await once(socket.resume(), 'close')
})

t.test('a sender that is silent, or drips within a bundle, is hung up on', async (t) => {
  for (const first of ['', '581061']) {
    const clock = new SimulatedClock()
    const events = new Recorder()
    const layer = await start(t, { clock, events, options: { stallMs: 1000, idleMs: 1000 } })
    const socket = await rawPeer(t, layer.listening[0]!)
    socket.resume()
    await events.until(() => events.contacts.length === 1)
    if (first !== '') socket.write(Buffer.from(first, 'hex'))
    while (!socket.closed) await clock.advance(1000)
    await events.until(() => events.ended.length === 1)
    t.equal(events.bundles.length, 0)
  }
})

t.test('while bundles wait to be stored, the sender is not read from', async (t) => {
  const events = new Recorder()
  const held: (() => void)[] = []
  events.answer = () => new Promise((resolve) => held.push(() => resolve({ taken: true })))
  const layer = await start(t, { events, options: { windowBundles: 2 } })
  const contact = await layer.connect(layer.listening[0]!)
  await Promise.all(Array.from({ length: 6 }, (_, at) => contact.send(opaque(at))))
  for (let round = 1; round <= 3; round += 1) {
    await events.until(() => events.bundles.length === round * 2)
    await new Promise((resolve) => setImmediate(resolve))
    t.equal(events.bundles.length, round * 2)
    for (const release of held.splice(0)) release()
  }
})

t.test('a receiver that reads nothing fails what waits, and the contact', async (t) => {
  const deaf = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => undefined)
    t.teardown(() => socket.destroy())
  }).listen(0, '127.0.0.1')
  await once(deaf, 'listening')
  t.teardown(() => deaf.close())
  const [clock, events] = [new SimulatedClock(), new Recorder()]
  const layer = await start(t, { clock, events, options: { listen: [] } })
  const contact = await layer.connect(`127.0.0.1:${(deaf.address() as { port: number }).port}`)
  const outcomes = Promise.allSettled(Array.from({ length: 20 }, (_, at) => contact.send(opaque(at, 1 << 20))))
  while (events.ended.length === 0) await clock.advance(60_000)
  const failed = (await outcomes).filter((outcome) => outcome.status === 'rejected')
  t.ok(failed.length > 0)
  t.ok(failed.every(({ reason }) => reason.code === 'BUNDLES_LINK_CLOSED'))
})

t.test('a host that does not answer a dial is given up on, and unknown options are refused', async (t) => {
  const layer = await start(t, {})
  await t.rejects(layer.connect('127.0.0.1:1'), { code: 'BUNDLES_LINK_FAILED' })
  const dependencies = { clock: systemClock(), events: new Recorder() }
  await t.rejects(startMtcp({ maxBundle: 1 } as FramedOptions, dependencies), TypeError)
  await t.rejects(startMtcp({ maxBundleBytes: 0 }, dependencies), TypeError)
  await t.rejects(startMtcp({ listen: ['nowhere'] }, dependencies), { code: 'BUNDLES_LINK_ADDRESS' })
  await t.rejects(startMtcp({ listen: layer.listening }, dependencies), { code: 'BUNDLES_LINK_FAILED' })
})
