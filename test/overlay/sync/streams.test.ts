import type { Connection, Stream } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { compareBytes, SimulatedClock, silentLogger, sleep, systemClock } from '../../../core/index.ts'
import { SYNC_PROTOCOL } from '../../../overlay/index.ts'
import { MAX_SYNC_FRAME_BYTES } from '../../../overlay/limits.ts'
import { FrameStream } from '../../../overlay/streams/index.ts'
import { BlockFetcher } from '../../../overlay/sync/block-fetcher.ts'
import { ChainTurns } from '../../../overlay/sync/chain-turns.ts'
import { decodeRequest, encodeAnswer, encodeRequest } from '../../../overlay/sync/codec.ts'
import { SyncServer } from '../../../overlay/sync/server.ts'
import { idOf, MemoryChains, MemoryRecords, makeRecord, startHost, startNode, until } from '../harness.ts'

const syncStreams = (connection: Connection | undefined) =>
  (connection?.streams ?? []).filter(({ protocol }) => protocol === SYNC_PROTOCOL)

t.test('a peer that refuses hints uses up no streams', async (t) => {
  const victim = await startNode(t, 'victim')
  const insider = await startHost(t, 'insider')
  let hints = 0
  const refuse = async (stream: Stream) => {
    const frames = new FrameStream(stream, MAX_SYNC_FRAME_BYTES)
    const request = await frames.read()
    if (request !== undefined && decodeRequest(request).kind === 'hint') hints += 1
    await frames.write(encodeAnswer({ kind: 'refusal', reason: 'busy' }))
    await frames.close()
  }
  await insider.handle(SYNC_PROTOCOL, (stream) => void refuse(stream).catch(() => {}))
  await insider.dial(multiaddr(victim.address()))
  const honest = await startNode(t, 'honest', { bootstrap: [victim.address()] })
  await until(() => victim.overlay.peers().length === 2, 'both are in')
  for (let news = 1; news <= 7; news += 1) {
    const before = hints
    honest.records.keep(makeRecord(`news ${news}`))
    victim.overlay.catchUp('honest')
    await until(() => victim.records.held.size === news, 'the news came')
    await until(() => hints > before, `hint ${news} went out`)
  }
  await until(() => syncStreams(insider.getConnections()[0]).length <= 1, 'no stream is left over')
})

t.test('a peer that asks and does not read is cut', async (t) => {
  const clock = new SimulatedClock()
  const records = new MemoryRecords()
  const held = Array.from({ length: 100 }, (_, at) => makeRecord(`${at} ${'x'.repeat(5_000)}`))
  for (const record of held) records.keep(record)
  const server = new SyncServer(
    { budget: { burstBytes: 2 ** 30, bytesPerSecond: 2 ** 30 }, idleTimeoutMs: 60_000 },
    { clock, logger: silentLogger(), records, chains: new MemoryChains(), mayReceive: () => true, onHint: () => {} },
  )
  const host = await startHost(t, 'host')
  await host.handle(SYNC_PROTOCOL, (stream) => void server.serve(stream, 'insider'))
  const insider = await startHost(t, 'insider')
  const connection = await insider.dial(host.getMultiaddrs()[0] ?? multiaddr())
  const stream = await connection.newStream(SYNC_PROTOCOL)
  const frames = new FrameStream(stream, MAX_SYNC_FRAME_BYTES)
  stream.pause()
  const request = encodeRequest({ kind: 'records', ids: held.map(idOf).sort(compareBytes) })
  // More than what fits the largest window that the first answers may have opened.
  for (let count = 0; count < 40; count += 1) await frames.write(request)
  const served = () => syncStreams(host.getConnections()[0])
  await until(() => served().some(({ writableNeedsDrain }) => writableNeedsDrain), 'the answer waits')
  await clock.advance(59_000)
  t.equal(served().length, 1)
  await clock.advance(2_000)
  t.equal(served().length, 0)
  t.equal(clock.pendingTimers, 0)
})

t.test('what is announced while the stream of earlier blocks is being closed is fetched', async (t) => {
  const clock = systemClock()
  const [mine, theirs] = [new MemoryChains(), new MemoryChains()]
  theirs.grow('a', 2)
  const logger = silentLogger()
  const server = new SyncServer(
    { budget: { burstBytes: 1_000_000, bytesPerSecond: 1_000_000 }, idleTimeoutMs: 5_000 },
    { clock, logger, records: new MemoryRecords(), chains: theirs, mayReceive: () => true, onHint: () => {} },
  )
  const { promise: closing, resolve: closes } = Promise.withResolvers<void>()
  const fetcher = new BlockFetcher(
    { answerTimeoutMs: 5_000 },
    {
      ...{ clock, logger, chains: mine },
      turns: new ChainTurns({ clock, busy: () => false }),
      senderOf: () => ({ road: 'catch-up', nodeId: 'p' }),
      onBlocks: () => {},
      openStream: async () => {
        const [outbound, inbound] = await streamPair()
        void server.serve(inbound, 'me')
        const close = outbound.close.bind(outbound)
        // As when bytes still wait to be written.
        outbound.close = async (options) => {
          closes()
          await sleep(clock, 50)
          await close(options)
        }
        return outbound
      },
    },
  )
  t.equal(await fetcher.fetch('p', { origin: 'a', fromSeq: 1, toSeq: 1 }), true)
  await closing
  t.equal(await fetcher.fetch('p', { origin: 'a', fromSeq: 2, toSeq: 2 }), true)
  t.equal(mine.held.get('a')?.length, 2)
})
