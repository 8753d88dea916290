import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { compareBytes, toHex, uintBytes, utf8 } from '../../core/index.ts'
import { type BucketDigest, type ChainHead, type IdPage, SYNC_PROTOCOL } from '../../overlay/index.ts'
import { MAX_SYNC_FRAME_BYTES, MAX_UNDELIVERED_IDS } from '../../overlay/limits.ts'
import { FrameStream } from '../../overlay/streams/index.ts'
import { decodeAnswer, encodeRequest } from '../../overlay/sync/codec.ts'
import {
  blockOf,
  headOf,
  idOf,
  MemoryChains,
  MemoryRecords,
  makeRecord,
  startHost,
  startNode,
  until,
} from './harness.ts'

const fakeId = (at: number) => idOf(uintBytes(at))

/** Claims a thousand hours of records, a hundred thousand each, and delivers none. */
class EmptyPromises extends MemoryRecords {
  idsServed = 0

  override async buckets(): Promise<readonly BucketDigest[]> {
    return Array.from({ length: 1_000 }, (_, bucket) => ({ bucket, count: 200, digest: fakeId(bucket) }))
  }

  override async ids(bucket: number): Promise<readonly Uint8Array[]> {
    this.idsServed += 1_000
    return Array.from({ length: 1_000 }, (_, at) => fakeId(bucket * 1_000 + at)).sort(compareBytes)
  }
}

t.test('a peer that names records it does not hand over costs a bounded amount and blocks nobody', async (t) => {
  const liar = new EmptyPromises()
  const victim = await startNode(t, 'victim')
  await startNode(t, 'liar', { records: liar, bootstrap: [victim.address()] })
  const honest = new MemoryRecords()
  honest.keep(makeRecord('true'))
  await startNode(t, 'honest', { records: honest, bootstrap: [victim.address()] })
  await until(() => victim.records.held.size === 1, 'the honest peer was heard')
  await until(() => victim.overlay.state().sync.faults === 1, 'the liar was found out')
  const { sync } = victim.overlay.state()
  t.ok(sync.recordsUndelivered <= MAX_UNDELIVERED_IDS + 256, `${sync.recordsUndelivered} ids were asked for in vain`)
  t.ok(liar.idsServed <= 3_000, 'it was not listened to for longer')
  victim.overlay.catchUp('liar')
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.equal(victim.overlay.state().sync.faults, 1, 'it is not asked again for a while')
})

t.test('a chain that is announced and not delivered ends there', async (t) => {
  class Boaster extends MemoryChains {
    override async heads(): Promise<readonly ChainHead[]> {
      return [headOf('boaster', Number.MAX_SAFE_INTEGER), headOf('ghost', 7)]
    }
  }
  const victim = await startNode(t, 'victim')
  const boaster = await startNode(t, 'boaster', { chains: new Boaster(), bootstrap: [victim.address()] })
  await until(() => victim.chains.learned.length >= 2, 'learned')
  await until(() => victim.overlay.state().inGossip === 1 && boaster.overlay.state().inGossip === 1, 'in gossip')
  boaster.overlay.announce(headOf('boaster', 10))
  await until(() => victim.overlay.state().gossip.ignored === 1, 'the announcement is not passed on')
  t.equal(victim.overlay.state().gossip.rejected, 0)
})

t.test('a peer that repeats a block it was not asked for is found out at once', async (t) => {
  class Repeater extends MemoryChains {
    asked = 0
    override async heads(): Promise<readonly ChainHead[]> {
      return [headOf('origin', 2 ** 50)]
    }
    override async read(origin: string): Promise<readonly Uint8Array[]> {
      this.asked += 1
      return [blockOf(origin, 1)]
    }
  }
  const chains = new MemoryChains()
  chains.grow('origin', 1)
  const victim = await startNode(t, 'victim', { chains })
  const repeater = new Repeater()
  await startNode(t, 'repeater', { chains: repeater, bootstrap: [victim.address()] })
  await until(() => victim.overlay.state().sync.faults === 1, 'a fault')
  t.equal(repeater.asked, 1)
})

t.test('a peer that names records and stalls keeps nobody else from delivering them', async (t) => {
  class Staller extends MemoryRecords {
    override read(): Promise<readonly Uint8Array[]> {
      return new Promise(() => {})
    }
  }
  const [staller, honest] = [new Staller(), new MemoryRecords()]
  for (let at = 0; at < 20; at += 1) for (const records of [staller, honest]) records.keep(makeRecord(`record ${at}`))
  const victim = await startNode(t, 'victim', { sync: { minGapMs: 50, answerTimeoutMs: 60_000 } })
  await startNode(t, 'staller', { records: staller, bootstrap: [victim.address()] })
  await until(() => victim.overlay.state().sync.runs === 1, 'asked the staller first')
  await new Promise((resolve) => setTimeout(resolve, 200))
  await startNode(t, 'honest', { records: honest, bootstrap: [victim.address()] })
  await until(() => victim.records.held.size === 20, 'delivered by the honest one', 6_000)
})

t.test('a peer that lists a record in another hour than its own is at fault', async (t) => {
  class Misplacer extends MemoryRecords {
    override async buckets(): Promise<readonly BucketDigest[]> {
      return (await super.buckets()).map((bucket) => ({ ...bucket, bucket: bucket.bucket + 1 }))
    }
    override ids(bucket: number, page: IdPage): Promise<readonly Uint8Array[]> {
      return super.ids(bucket - 1, page)
    }
  }
  const records = new Misplacer()
  records.keep(makeRecord('here'))
  const victim = await startNode(t, 'victim')
  await startNode(t, 'misplacer', { records, bootstrap: [victim.address()] })
  await until(() => victim.overlay.state().sync.faults === 1, 'a fault')
  t.equal(victim.records.held.size, 0)
})

t.test(
  'a record handed over in the place of another counts as not delivered, and the other is asked for once',
  async (t) => {
    class Swapper extends MemoryRecords {
      readonly asked: string[] = []
      override async buckets(): Promise<readonly BucketDigest[]> {
        const [first] = await super.buckets()
        return first === undefined ? [] : [0, 1, 2].map((at) => ({ ...first, bucket: first.bucket + at }))
      }
      override async ids(): Promise<readonly Uint8Array[]> {
        return [fakeId(1)]
      }
      override async read(ids: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
        this.asked.push(...ids.map(toHex))
        return [makeRecord('another')]
      }
    }
    const records = new Swapper()
    records.keep(makeRecord('here'))
    const victim = await startNode(t, 'victim')
    await startNode(t, 'swapper', { records, bootstrap: [victim.address()] })
    await until(() => victim.overlay.state().sync.recordsUndelivered === 1, 'counted')
    t.equal(records.asked.length, 1, 'named in three hours, asked for once')
  },
)

t.test('a record that every node refuses ends the catch-up and is held against the peer', async (t) => {
  const forged = new MemoryRecords()
  forged.keep(makeRecord('forged'))
  const victim = await startNode(t, 'victim')
  victim.records.judge = () => 'reject'
  await startNode(t, 'forger', { records: forged, bootstrap: [victim.address()] })
  await until(() => victim.overlay.state().sync.faults === 1, 'a fault')
  t.equal(victim.records.held.size, 0)
})

t.test('malformed requests are refused and the stream ends', async (t) => {
  const node = await startNode(t, 'a')
  const host = await startHost(t, 'b')
  const connection = await host.dial(multiaddr(node.address()))
  const open = async () => new FrameStream(await connection.newStream(SYNC_PROTOCOL), MAX_SYNC_FRAME_BYTES)
  const bad = await open()
  await bad.write(utf8('nonsense'))
  const refusal = await bad.read()
  t.same(decodeAnswer(refusal ?? new Uint8Array(), 'heads'), { kind: 'refusal', reason: 'malformed' })
  t.equal(await bad.read(), undefined, 'the stream has ended')
  const good = await open()
  await good.write(encodeRequest({ kind: 'hint' }))
  t.same(decodeAnswer((await good.read()) ?? new Uint8Array(), 'hint'), { kind: 'hint' }, 'the peer may try again')
})

t.test('a frame above its cap ends the stream unread', async (t) => {
  const node = await startNode(t, 'a')
  const host = await startHost(t, 'b')
  const stream = await (await host.dial(multiaddr(node.address()))).newStream(SYNC_PROTOCOL)
  const closed = new Promise((resolve) => stream.addEventListener('close', resolve, { once: true }))
  stream.send(uintBytes(MAX_SYNC_FRAME_BYTES + 1, 4))
  await closed
  t.equal(node.overlay.peers().length, 1, 'the connection stands')
})

t.test('a peer that never answers is given up and does not hold up the others', async (t) => {
  const victim = await startNode(t, 'victim', { sync: { minGapMs: 50, answerTimeoutMs: 300, maxRunning: 1 } })
  const mute = await startHost(t, 'mute')
  await mute.handle(SYNC_PROTOCOL, () => {})
  await mute.dial(multiaddr(victim.address()))
  await until(() => victim.overlay.state().sync.runs > 0, 'asked the mute one')
  const honest = new MemoryRecords()
  honest.keep(makeRecord('true'))
  await startNode(t, 'honest', { records: honest, bootstrap: [victim.address()] })
  await until(() => victim.records.held.size === 1, 'the honest peer had its turn', 5_000)
  t.equal(victim.overlay.state().sync.faults, 0, 'slowness is no fault')
})

t.test('a peer above its budget is slowed down, and refused when it asks for far more', async (t) => {
  const records = new MemoryRecords()
  for (let at = 0; at < 40; at += 1) records.keep(makeRecord(`large ${at}`.padEnd(60_000, '.')))
  const budget = { burstBytes: 100_000, bytesPerSecond: 20_000 }
  const server = await startNode(t, 'server', { records, sync: { minGapMs: 50, budget } })
  const client = await startNode(t, 'client', { bootstrap: [server.address()] })
  await until(() => client.overlay.state().sync.failures > 0, 'refused for now', 15_000)
  t.ok(client.records.held.size < 40)
})
