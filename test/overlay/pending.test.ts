import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { MultiaddrConnection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { SimulatedClock } from '../../core/index.ts'
import { HELLO_TIMEOUT_MS, MAX_PENDING_INBOUND, MAX_PENDING_PER_ADDRESS } from '../../overlay/limits.ts'
import { PendingConnections } from '../../overlay/pending.ts'
import { startNode, until } from './harness.ts'

/** What a dialler says before anything of the link's own. */
const NEGOTIATION = Buffer.from('\x13/multistream/1.0.0\n')

/** As much of a connection as is looked at before it is admitted. */
class Opened extends EventTarget {
  readonly remoteAddr
  cut = false

  constructor(address: string) {
    super()
    this.remoteAddr = multiaddr(address.includes('/tcp/') ? address : `${address}/tcp/4001`)
  }

  abort(): void {
    this.cut = true
    this.dispatchEvent(new Event('close'))
  }

  get asConnection(): MultiaddrConnection {
    return this as unknown as MultiaddrConnection
  }
}

function setUp() {
  const clock = new SimulatedClock()
  const pending = new PendingConnections({ clock })
  const open = (address: string) => {
    const opened = new Opened(address)
    return { opened, taken: pending.take(opened.asConnection) }
  }
  return { clock, pending, open }
}

t.test('each address has so many connections that are not admitted yet', async (t) => {
  const { pending, open } = setUp()
  const first = open('/ip4/192.0.2.1')
  for (let at = 1; at < MAX_PENDING_PER_ADDRESS; at += 1) t.ok(open('/ip4/192.0.2.1').taken)
  t.notOk(open('/ip4/192.0.2.1').taken, 'one too many')
  t.ok(open('/ip4/192.0.2.2').taken, 'another address')
  pending.settled(first.opened.asConnection)
  t.ok(open('/ip4/192.0.2.1').taken, 'one was admitted')
})

t.test('an IPv6 subscriber is one address, and neighbours are not', async (t) => {
  const { open } = setUp()
  for (let at = 0; at < MAX_PENDING_PER_ADDRESS; at += 1) t.ok(open(`/ip6/2001:db8:0:1::${at + 1}`).taken)
  t.notOk(open('/ip6/2001:db8::1:ffff:0:0:1').taken, 'the same 64 bits, written otherwise')
  t.ok(open('/ip6/2001:db8:0:2::1').taken)
})

t.test('IPv4 addresses on a socket that takes both versions are told apart', async (t) => {
  const { open } = setUp()
  for (let at = 0; at < MAX_PENDING_PER_ADDRESS; at += 1) t.ok(open('/ip6/::ffff:192.0.2.1').taken)
  t.notOk(open('/ip6/::ffff:192.0.2.1').taken, 'one too many')
  t.notOk(open('/ip4/192.0.2.1').taken, 'the same address')
  t.ok(open('/ip6/::ffff:192.0.2.2').taken, 'another address')
  t.ok(open('/ip6/::1').taken)
})

t.test('connections through a relay are counted by the relay and the caller that it names', async (t) => {
  const { open } = setUp()
  const [one, two, three] = [
    '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA',
    '12D3KooWSMp6GKfJjanUn3cKfutAW88bn4D9NoGGUguH8gLKcvGD',
    '12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtN',
  ]
  const through = (relay: string | undefined, caller: string | undefined) =>
    open(`/ip4/192.0.2.1/tcp/4001/p2p/${relay}/p2p-circuit/p2p/${caller}`)
  for (let at = 0; at < MAX_PENDING_PER_ADDRESS; at += 1) t.ok(through(one, two).taken)
  t.notOk(through(one, two).taken, 'one too many')
  t.ok(through(one, three).taken, 'another caller behind the same relay: nobody keeps others out')
  t.ok(through(three, two).taken, 'another relay behind that address')
  t.ok(open('/ip4/192.0.2.1').taken, 'who comes from that address directly')
})

t.test('a silent connection is cut, one that began its handshake is not', async (t) => {
  const { clock, pending, open } = setUp()
  const silent = open('/ip4/192.0.2.1').opened
  const speaking = open('/ip4/192.0.2.1').opened
  pending.spoke(speaking)
  await clock.advance(HELLO_TIMEOUT_MS)
  t.ok(silent.cut)
  t.notOk(speaking.cut)
  t.equal(pending.size, 1)
  speaking.abort()
  t.equal(pending.size, 0)
  t.equal(clock.pendingTimers, 0)
})

t.test('when there are too many in all, the oldest make room, silent ones first', async (t) => {
  const { pending, open } = setUp()
  const address = (at: number) => `/ip4/10.0.${Math.floor(at / 250)}.${at % 250}`
  const speaking = open(address(0)).opened
  pending.spoke(speaking)
  const silent = open(address(1)).opened
  for (let at = 2; at < MAX_PENDING_INBOUND; at += 1) open(address(at))
  t.equal(pending.size, MAX_PENDING_INBOUND)
  t.ok(open('/ip4/192.0.2.1').taken, 'whoever comes next')
  t.ok(silent.cut)
  t.notOk(speaking.cut)
  t.equal(pending.size, MAX_PENDING_INBOUND)
})

t.test('eighty silent or dripping connections from one address keep nobody out, and are cut', async (t) => {
  const node = await startNode(t, 'a')
  const port = Number(/tcp\/(\d+)/.exec(node.address())?.[1])
  const sockets: Socket[] = []
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
  })
  for (let at = 0; at < 80; at += 1) {
    const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' })
    socket.on('error', () => {})
    socket.resume()
    sockets.push(socket)
  }
  let said = 0
  const dripping = setInterval(() => {
    const byte = NEGOTIATION.subarray(said, said + 1)
    said += 1
    for (const socket of sockets.slice(0, 40)) if (socket.writable) socket.write(byte)
  }, 150)
  t.teardown(async () => clearInterval(dripping))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  const honest = await startNode(t, 'b', { bootstrap: [node.address()] })
  await until(() => honest.overlay.peers().length === 1, 'the honest peer is in', 1_500)
  const standing = () => sockets.filter((socket) => !socket.destroyed).length
  t.ok(standing() <= MAX_PENDING_PER_ADDRESS, `${standing()} stand`)
  await until(() => standing() === 0, 'all are cut', HELLO_TIMEOUT_MS + 2_000)
  t.equal(honest.overlay.peers().length, 1)
})
