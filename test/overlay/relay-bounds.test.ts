/** What passes through a relay is bounded, whoever sends it: requests made by hand, by members that misbehave. */
import type { Libp2p, Stream } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { concatBytes } from '../../core/index.ts'
import { MAX_CIRCUITS, MAX_CIRCUITS_PER_PEER, MAX_STREAM_WINDOW_BYTES } from '../../overlay/limits.ts'
import { makeTestMesh } from '../helpers/pki.ts'
import { until } from './harness.ts'
import { type Scene, startAdmittedHost, startMember } from './members.ts'

const mesh = await makeTestMesh({ nodes: ['relay', 'a', 'b', 'c', 'd', 'e'] })
const HOP = '/libp2p/circuit/relay/0.2.0/hop'
const STOP = '/libp2p/circuit/relay/0.2.0/stop'
/** Above the library's own limits, so that the other side's are met. */
const MANY_STREAMS = { maxInboundStreams: 1_000, maxOutboundStreams: 1_000 }

/** Bytes with their length in front. */
function frame(message: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(message.length), message)
}

/** Sends a HOP message and answers the stream and the status that comes back, 100 for success, or the stream's own. */
async function hop(from: Libp2p, relay: Multiaddr, message: Uint8Array): Promise<{ stream: Stream; status: unknown }> {
  const stream = await from.dialProtocol(relay, HOP, MANY_STREAMS)
  const answered = new Promise<unknown>((resolve) => {
    stream.addEventListener('message', ({ data }) => resolve([...data.subarray()].at(-1)), { once: true })
    stream.addEventListener('close', () => resolve('closed'), { once: true })
  })
  if (stream.writeStatus !== 'writable') return { stream, status: 'closed' }
  stream.send(frame(message))
  return { stream, status: await answered }
}

/** The HOP message that asks for a circuit to `peer`. */
function connectTo(peer: Libp2p): Uint8Array {
  const id = peer.peerId.toMultihash().bytes
  return concatBytes(Uint8Array.of(0x08, 1, 0x12, id.length + 2, 0x0a, id.length), id)
}

/** An admitted host with a place at the relay, which takes every circuit and reads nothing from it. */
async function startFarEnd(test: Scene, nodeId: string, relay: Multiaddr): Promise<Libp2p> {
  const host = await startAdmittedHost(test, mesh, { nodeId, services: {} })
  await host.handle(
    STOP,
    (stream) => {
      stream.send(frame(Uint8Array.of(0x08, 1, 0x20, 100)))
      stream.pause()
    },
    MANY_STREAMS,
  )
  await hop(host, relay, Uint8Array.of(0x08, 0))
  return host
}

t.test('a far end that reads nothing holds the near end up, not the relay', async (t) => {
  const relay = await startMember(t, mesh, { nodeId: 'relay', relayServer: true })
  const address = multiaddr(relay.address())
  const near = await startAdmittedHost(t, mesh, { nodeId: 'a', services: {} })
  const far = await startFarEnd(t, 'b', address)
  const { stream, status } = await hop(near, address, connectTo(far))
  t.equal(status, 100, 'the circuit stands')
  let sent = 0
  const chunk = new Uint8Array(64 * 1024)
  while (sent < 64 * 1024 * 1024) {
    const drained = happens(stream, 'drain', 500)
    sent += chunk.length
    if (!stream.send(chunk) && !(await drained)) break
  }
  t.ok(sent < 4 * MAX_STREAM_WINDOW_BYTES, `${sent} bytes went in before the near end had to wait`)
})

/** Whether an event comes within `timeoutMs`. The library's own `onDrain` waits only the first time. */
function happens(stream: Stream, type: 'drain', timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(false), timeoutMs)
    stream.addEventListener(type, () => resolve(true), { once: true })
  })
}

t.test('circuits are bounded, for each peer and in all', async (t) => {
  const relay = await startMember(t, mesh, { nodeId: 'relay', relayServer: true })
  const address = multiaddr(relay.address())
  const ends = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((nodeId) => startFarEnd(t, nodeId, address)))
  const pairs = ends.map((near, at) => [near, ends[(at + 1) % ends.length] as Libp2p] as const)
  let standing = 0
  for (const [near, far] of pairs) {
    for (let at = 0; at < MAX_CIRCUITS_PER_PEER && standing < MAX_CIRCUITS; at += 1) {
      standing += (await hop(near, address, connectTo(far))).status === 100 ? 1 : 0
    }
  }
  t.equal(standing, MAX_CIRCUITS)
  const [first, last] = [pairs[0], pairs.at(-1)]
  if (first === undefined || last === undefined) throw new Error('there are five')
  t.equal((await hop(first[0], address, connectTo(first[1]))).status, 'closed', 'one peer has its share')
  const refused = await hop(last[0], address, connectTo(last[1]))
  t.not(refused.status, 100, 'the relay has as many as it takes')
  t.not(refused.status, 'closed', 'and says so')
  const [a] = ends
  await a?.stop()
  await until(async () => (await hop(last[0], address, connectTo(ends[2] as Libp2p))).status === 100, 'room again')
})
