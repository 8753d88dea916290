/** What a hand-made peer may try in the admission exchange; every transport runs it. */
import t from 'tap'
import type { RandomSource } from '../../../core/index.ts'
import { MAX_ADMISSION_FRAME_BYTES, REFUSAL_LINGER_MS } from '../../../overlay/limits.ts'
import { encodeFrame } from '../../../overlay/link/admission.ts'
import { linkFailure } from '../../../overlay/link/index.ts'
import { type Statement, signStatement } from '../../../overlay/link/statement.ts'
import { externalAad } from '../../../records/index.ts'
import { makeTestMesh, type TestNode } from '../../helpers/pki.ts'
import type { LinkKit } from './kits.ts'
import { nothingLeft, type RawPeer, until } from './support.ts'

export async function exchangeSuite(kit: LinkKit): Promise<void> {
  const mesh = await makeTestMesh({ nodes: ['good', 'bad', 'middle'] })
  const good = await kit.start(mesh, 'good', { options: { handshakeTimeoutMs: 4000 } })
  const bad = mesh.node('bad')
  const aadItem = externalAad(mesh.mesh, mesh.root.certificate.fingerprint)
  t.teardown(() => good.libp2p.stop())
  t.beforeEach(() => void good.refusals.splice(0))

  const NONCE = new Uint8Array(32).fill(9)

  /** Exchanges nonces as a hand-made peer and answers the true statement of its side. */
  async function greet(peer: RawPeer): Promise<Statement> {
    peer.channel.send({ type: 'hello', nonce: NONCE })
    const { nonce } = await peer.channel.expect('hello')
    const nonces =
      peer.facts.role === 'dialler'
        ? { diallerNonce: NONCE, listenerNonce: nonce }
        : { diallerNonce: nonce, listenerNonce: NONCE }
    return { ...peer.facts, ...nonces }
  }

  async function sendStatement(
    peer: RawPeer,
    statement: Statement,
    keys = [bad.identityKey, bad.deviceKey],
  ): Promise<void> {
    peer.channel.send({ type: 'statement', sign: await signStatement(statement, { keys, aadItem }) })
  }

  /** What the good node reports, once the hand-made peer has read the same from its frame and hung up. */
  async function refused(peer: RawPeer): Promise<string | undefined> {
    const { code } = await peer.channel.expect('refused')
    peer.hangUp()
    await until(() => good.refusals.length === 1, 'a refusal')
    return good.refusals[0]?.code === code && good.refusals[0]?.by === 'self' ? code : undefined
  }

  t.test('a hand-made dialler that tells the truth is admitted', async (t) => {
    const peer = await kit.dial(good, bad)
    const statement = await greet(peer)
    await sendStatement(peer, { ...statement, features: ['a', 'b'], policyVersion: 3 })
    await peer.channel.expect('statement')
    peer.channel.send({ type: 'admitted' })
    await until(() => good.admissions.length === 1, 'admitted')
    t.match(good.admissions, [{ path: { nodeId: 'bad' }, link: { features: 'a b', policyVersion: 3 } }])
    peer.hangUp()
    await nothingLeft(good)
  })

  const OTHER = new Uint8Array(32).fill(1)
  const LIES: { what: string; lie: Partial<Statement>; code: string }[] = [
    { what: 'of another protocol', lie: { protocol: '/dadm-mesh/2' }, code: 'OVERLAY_LINK_PROTOCOL' },
    { what: 'in the role of the listener', lie: { role: 'listener' }, code: 'OVERLAY_LINK_ROLE' },
    { what: 'for another mesh', lie: { mesh: 'other-mesh' }, code: 'OVERLAY_LINK_MESH' },
    { what: 'about another own certificate', lie: { diallerCertificate: OTHER }, code: 'OVERLAY_LINK_CERTIFICATE' },
    { what: 'about another peer', lie: { listenerCertificate: OTHER }, code: 'OVERLAY_LINK_CERTIFICATE' },
    { what: 'with another own nonce', lie: { diallerNonce: OTHER }, code: 'OVERLAY_LINK_NONCE' },
    { what: 'with a nonce of another time', lie: { listenerNonce: OTHER }, code: 'OVERLAY_LINK_NONCE' },
    { what: 'for another connection', lie: { channelBinding: OTHER }, code: 'OVERLAY_LINK_BINDING' },
  ]

  for (const { what, lie, code } of LIES) {
    t.test(`a statement ${what}, rightly signed, is refused`, async (t) => {
      const peer = await kit.dial(good, bad)
      await sendStatement(peer, { ...(await greet(peer)), ...lie })
      t.equal(await refused(peer), code)
      await nothingLeft(good)
    })
  }

  const middle = mesh.node('middle')
  const SIGNERS: { what: string; keys: TestNode['identityKey'][] }[] = [
    { what: 'another node', keys: [middle.identityKey, middle.deviceKey] },
    { what: 'the identity key alone', keys: [bad.identityKey] },
    { what: 'the device key alone', keys: [bad.deviceKey] },
    { what: "the identity key and another node's device key", keys: [bad.identityKey, middle.deviceKey] },
  ]

  for (const { what, keys } of SIGNERS) {
    t.test(`a statement signed by ${what} is refused`, async (t) => {
      const peer = await kit.dial(good, bad)
      await sendStatement(peer, await greet(peer), keys)
      t.equal(await refused(peer), 'OVERLAY_LINK_SIGNATURE')
      await nothingLeft(good)
    })
  }

  t.test('a statement signed for the same mesh under another root is refused', async (t) => {
    const peer = await kit.dial(good, bad)
    const other = externalAad(mesh.mesh, OTHER)
    const sign = await signStatement(await greet(peer), { keys: [bad.identityKey, bad.deviceKey], aadItem: other })
    peer.channel.send({ type: 'statement', sign })
    t.equal(await refused(peer), 'OVERLAY_LINK_SIGNATURE')
    await nothingLeft(good)
  })

  t.test('a listener that swaps the roles or mirrors the dialler is refused', async (t) => {
    const parties = { dialler: good.self, listener: bad }
    const play = async (script: (peer: RawPeer) => Promise<void>) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const listener = await kit.listen(parties, async (peer) => {
        await script(peer).then(resolve, reject)
        peer.hangUp()
      })
      const error = await good.libp2p.dial(listener.address).catch((error) => error)
      await promise
      await listener.close()
      await nothingLeft(good)
      return linkFailure(error)
    }
    const swapped = await play(async (peer) => {
      const statement = await greet(peer)
      await peer.channel.expect('statement')
      await sendStatement(peer, { ...statement, role: 'dialler' })
      t.match(await peer.channel.expect('refused'), { code: 'OVERLAY_LINK_ROLE' })
    })
    t.same(swapped, { code: 'OVERLAY_LINK_ROLE', by: 'self' })
    const mirrored = await play(async (peer) => {
      peer.channel.send({ type: 'hello', nonce: (await peer.channel.expect('hello')).nonce })
      t.match(await peer.channel.expect('refused'), { code: 'OVERLAY_LINK_NONCE' })
    })
    t.same(mirrored, { code: 'OVERLAY_LINK_NONCE', by: 'self' })
    const echoed = await play(async (peer) => {
      await greet(peer)
      peer.channel.send(await peer.channel.expect('statement'))
      t.match(await peer.channel.expect('refused'), { code: 'OVERLAY_LINK_ROLE' })
    })
    t.same(echoed, { code: 'OVERLAY_LINK_ROLE', by: 'self' })
  })

  t.test('a member in the middle cannot pass one node off to another by relaying frames', async (t) => {
    await mesh.addNode({ nodeId: 'victim' })
    const victim = await kit.start(mesh, 'victim')
    t.teardown(() => victim.libp2p.stop())
    const told = Promise.withResolvers<string>()
    const listener = await kit.listen({ dialler: victim.self, listener: middle }, async (inward) => {
      const outward = await kit.dial(good, middle)
      outward.channel.send(await inward.channel.expect('hello'))
      inward.channel.send(await outward.channel.expect('hello'))
      outward.channel.send(await inward.channel.expect('statement'))
      told.resolve((await outward.channel.expect('refused')).code)
      inward.hangUp()
      outward.hangUp()
    })
    const dial = victim.libp2p.dial(listener.address).catch((error) => error)
    t.equal(await told.promise, 'OVERLAY_LINK_CERTIFICATE', "the victim's statement is not about this connection")
    t.same(linkFailure(await dial), { code: 'OVERLAY_LINK_CLOSED', by: 'self' })
    t.same(victim.admissions, [])
    await listener.close()
    await nothingLeft(good, victim)
  })

  t.test('a statement recorded on one connection is refused on the next, even when all nonces repeat', async (t) => {
    const stuck: RandomSource = { bytes: (length) => new Uint8Array(length).fill(5) }
    const forgetful = await kit.start(mesh, 'good', { random: stuck })
    t.teardown(() => forgetful.libp2p.stop())
    const first = await kit.dial(forgetful, bad)
    const statement = await greet(first)
    const recorded = await signStatement(statement, { keys: [bad.identityKey, bad.deviceKey], aadItem })
    first.channel.send({ type: 'statement', sign: recorded })
    await first.channel.expect('statement')
    first.hangUp()
    // QUIC's library exports no secret to bind to: there the nonces alone keep a statement from being used again.
    const replays = [
      [forgetful, 'OVERLAY_LINK_BINDING'],
      [good, 'OVERLAY_LINK_NONCE'],
    ] as const
    for (const [node, code] of kit.transport === 'tcp' ? replays : replays.slice(1)) {
      const second = await kit.dial(node, bad)
      await greet(second)
      second.channel.send({ type: 'statement', sign: recorded })
      t.match(await second.channel.expect('refused'), { code })
      second.hangUp()
    }
    await nothingLeft(good, forgetful)
  })

  const MALFORMED: { what: string; bytes: Uint8Array; code: string }[] = [
    { what: 'longer than its cap', bytes: Uint8Array.of(0x20, 0x01), code: 'OVERLAY_LINK_FRAME_TOO_LARGE' },
    { what: 'empty', bytes: Uint8Array.of(0, 0), code: 'OVERLAY_LINK_FRAME' },
    { what: 'no CBOR', bytes: Uint8Array.of(0, 3, 0xff, 0xff, 0xff), code: 'OVERLAY_LINK_FRAME' },
    { what: 'of an unknown type', bytes: Uint8Array.of(0, 2, 0x81, 9), code: 'OVERLAY_LINK_FRAME' },
    { what: 'not the one that is due', bytes: encodeFrame({ type: 'admitted' }), code: 'OVERLAY_LINK_FRAME_ORDER' },
  ]

  for (const { what, bytes, code } of MALFORMED) {
    t.test(`a frame that is ${what} is refused without waiting for more`, async (t) => {
      const peer = await kit.dial(good, bad)
      await peer.channel.expect('hello')
      peer.stream.write(bytes)
      t.equal(await refused(peer), code)
      await nothingLeft(good)
    })
  }

  t.test('the cap is the last length that is read', async (t) => {
    t.equal(MAX_ADMISSION_FRAME_BYTES, 0x2000)
    const peer = await kit.dial(good, bad)
    await peer.channel.expect('hello')
    peer.stream.write(new Uint8Array([0x20, 0x00, ...new Uint8Array(MAX_ADMISSION_FRAME_BYTES)]))
    t.equal(await refused(peer), 'OVERLAY_LINK_FRAME', 'read, and then malformed')
    await nothingLeft(good)
  })

  t.test('a peer that stays silent or drips bytes in the admission is ended at the deadline and told', async (t) => {
    const silent = await kit.dial(good, bad)
    const dripping = await kit.dial(good, bad)
    await Promise.all([silent, dripping].map((peer) => peer.channel.expect('hello')))
    for (const byte of encodeFrame({ type: 'hello', nonce: NONCE }).subarray(0, 7)) {
      dripping.stream.write(Uint8Array.of(byte))
      await good.clock.advance(500)
    }
    await good.clock.advance(500)
    for (const peer of [silent, dripping]) {
      t.match(await peer.channel.expect('refused'), { code: 'OVERLAY_LINK_TIMEOUT' })
      peer.hangUp()
    }
    await nothingLeft(good)
  })

  t.test('a refused peer that does not hang up is cut off', async (t) => {
    const peer = await kit.dial(good, bad)
    peer.stream.write(Uint8Array.of(0xff, 0xff))
    await peer.channel.expect('hello')
    t.match(await peer.channel.expect('refused'), { code: 'OVERLAY_LINK_FRAME_TOO_LARGE' })
    await until(() => good.clock.pendingTimers === 2, 'deadline and linger')
    await good.clock.advance(REFUSAL_LINGER_MS)
    await peer.closed
    await nothingLeft(good)
  })

  t.test('nothing follows a refusal, whatever the refused peer still says', async (t) => {
    const heard = Promise.withResolvers<unknown>()
    const listener = await kit.listen({ dialler: good.self, listener: bad }, async (peer) => {
      await peer.channel.expect('hello')
      await good.clock.advance(4000)
      t.match(await peer.channel.expect('refused'), { code: 'OVERLAY_LINK_TIMEOUT' })
      const next = peer.channel.expect('statement').catch((error) => error)
      peer.channel.send({ type: 'hello', nonce: NONCE })
      await new Promise((resolve) => setTimeout(resolve, 50))
      await good.clock.advance(REFUSAL_LINGER_MS)
      heard.resolve(await next)
    })
    await t.rejects(good.libp2p.dial(listener.address))
    t.match(await heard.promise, { code: 'OVERLAY_LINK_CLOSED' })
    await listener.close()
    await nothingLeft(good)
  })

  t.test('a peer that hangs up in the middle of the admission leaves nothing', async (t) => {
    const peer = await kit.dial(good, bad)
    await sendStatement(peer, await greet(peer))
    await peer.channel.expect('statement')
    peer.hangUp()
    await until(() => good.refusals.length === 1, 'a refusal')
    t.match(good.refusals, [{ code: 'OVERLAY_LINK_CLOSED', nodeId: 'bad' }])
    await nothingLeft(good)
  })
}
