import fc from 'fast-check'
import t from 'tap'
import { MAX_LINK_REJECTS } from '../../../bundles/limits.ts'
import type { Handover } from '../../../bundles/links/index.ts'
import { type SessionOptions, sessionSettings } from '../../../bundles/links/tcpclv4/options.ts'
import { Session, type SessionAction } from '../../../bundles/links/tcpclv4/session.ts'
import { toHex } from '../../../core/index.ts'
import { opaque } from './support.ts'

const OUTPUT = 1 << 20

/** A session and all it said; a bundle is answered at once unless `hold`. */
class Side {
  readonly session: Session
  readonly actions: SessionAction[] = []
  readonly received: Uint8Array[] = []
  readonly settled: (Handover | string)[] = []
  hold = false
  nowMs = 0

  constructor(role: 'active' | 'passive', options: Partial<SessionOptions> = {}, expected?: string) {
    const nodeId = role === 'active' ? 'dtn://a/' : 'dtn://b/'
    this.session = new Session(sessionSettings({ nodeId, tls: 'refused', ...options }), { role, expected, nowMs: 0 })
  }

  get end(): Extract<SessionAction, { kind: 'ended' }> | undefined {
    return this.actions.find((action) => action.kind === 'ended')
  }

  send(bytes: Uint8Array): boolean {
    const settled = (handover: Handover) => void this.settled.push(handover)
    return this.session.send({ bytes, settled, failed: (error) => void this.settled.push(String(error)) })
  }

  out(): Buffer {
    const bytes = Buffer.concat(this.session.takeOutput(OUTPUT, this.nowMs))
    return bytes
  }

  /** Feeds `input`, does what is said, and gives what goes back. */
  feed(input: Uint8Array | string): string {
    this.session.receive(typeof input === 'string' ? Buffer.from(input.replaceAll(' ', ''), 'hex') : input, this.nowMs)
    return toHex(this.turn())
  }

  turn(): Buffer {
    for (let actions = this.session.takeActions(); actions.length > 0; actions = this.session.takeActions()) {
      for (const action of actions) this.#do(action)
    }
    return this.out()
  }

  #do(action: SessionAction): void {
    this.actions.push(action)
    if (action.kind === 'settled') action.departure.settled(action.handover)
    if (action.kind !== 'received') return
    this.received.push(action.arrival.bytes.slice())
    if (!this.hold) this.session.answer(action.arrival, { taken: true }, this.nowMs)
  }
}

/** Lets both talk until neither says anything. */
function talk(a: Side, b: Side, cut: (bytes: Buffer) => Buffer[] = (bytes) => [bytes]): void {
  for (;;) {
    const [fromA, fromB] = [a.turn(), b.turn()]
    if (fromA.length + fromB.length === 0) return
    for (const piece of cut(fromA)) b.session.receive(piece, b.nowMs)
    for (const piece of cut(fromB)) a.session.receive(piece, a.nowMs)
  }
}

function opened(options: Partial<SessionOptions> = {}): [Side, Side] {
  const sides: [Side, Side] = [new Side('active', options), new Side('passive', options)]
  talk(...sides)
  return sides
}

const HEADER = '64746e21 04 00'
const INIT = '07 001e 0000000000001000 0000000001000000 0008 64746e3a2f2f612f 00000000'
const u64 = (value: number) => value.toString(16).padStart(16, '0')
const segment = (flags: number, id: number, data: string, items = '') => {
  const list = (flags & 2) === 0 ? '' : (items.length / 2).toString(16).padStart(8, '0') + items
  return `01${flags.toString(16).padStart(2, '0')}${u64(id)}${list}${u64(data.length / 2)}${data}`
}

/** A passive session that has met a peer whose messages are written by hand. */
function met(options: Partial<SessionOptions> = {}): Side {
  const side = new Side('passive', options)
  side.feed(HEADER + INIT)
  t.ok(side.actions.some(({ kind }) => kind === 'opened'))
  return side
}

t.test('both sides come to the same session, whatever the pieces', async (t) => {
  const [a, b] = [new Side('active', { keepaliveS: 10 }), new Side('passive', { keepaliveS: 60 })]
  talk(a, b, (bytes) => [...bytes].map((byte) => Buffer.of(byte)))
  for (const [side, peer] of [
    [a, 'dtn://b/'],
    [b, 'dtn://a/'],
  ] as const) {
    const action = side.actions[0]
    t.match(action, { kind: 'opened', authenticated: false, agreement: { peer, keepaliveMs: 10_000 } })
  }
})

t.test('bundles of any size, cut into any segments and pieces, arrive once and in order', async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 10 })
  fc.assert(
    fc.property(sizes, fc.integer({ min: 5, max: 3000 }), fc.integer({ min: 1, max: 700 }), (lengths, seg, piece) => {
      const [a, b] = opened({ segmentBytes: seg, windowBundles: 2 })
      const bundles = lengths.map((length, at) => opaque(at, length))
      for (const bytes of bundles) {
        a.send(bytes)
        b.send(bytes)
      }
      const cut = (bytes: Buffer) => {
        const pieces: Buffer[] = []
        for (let at = 0; at < bytes.length; at += piece) pieces.push(bytes.subarray(at, at + piece))
        return pieces
      }
      talk(a, b, cut)
      for (const side of [a, b]) {
        const same =
          side.received.length === bundles.length && side.received.every((b, at) => !Buffer.compare(b, bundles[at]!))
        if (!same || side.settled.length !== bundles.length || side.end !== undefined) return false
      }
      return true
    }),
    { numRuns: 30 },
  )
})

t.test('no bytes crash a session, and what it holds is bounded', async (t) => {
  const limits = { maxBundleBytes: 1000, windowBundles: 4, windowBytes: 2000 }
  const messages = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => toHex(bytes)),
    fc.tuple(fc.nat(3), fc.nat(3), fc.uint8Array({ maxLength: 1200 })).map(([f, id, d]) => segment(f, id, toHex(d))),
    fc.constantFrom(INIT.replaceAll(' ', ''), '04', '050000', '060301', `0203${u64(0)}${u64(3)}`, `0301${u64(0)}`),
  )
  fc.assert(
    fc.property(fc.array(messages, { maxLength: 60 }), fc.boolean(), (stream, greet) => {
      const side = greet ? met(limits) : new Side('passive', limits)
      side.hold = true
      side.send(opaque(1, 3))
      side.turn()
      for (const message of stream) {
        if (!side.session.wantsInput) break
        side.feed(message)
      }
      const held = side.received.reduce((sum, bytes) => sum + bytes.length, 0)
      return side.received.length <= 4 && held <= 3000
    }),
    { numRuns: 300 },
  )
  t.pass()
})

t.test('bad magic ends the connection without a word', async (t) => {
  const side = new Side('passive')
  t.equal(side.feed('47455420'), '')
  t.match(side.end, { error: { code: 'BUNDLES_LINK_MALFORMED' } })
})

t.test('another version is told ours and why', async (t) => {
  const side = new Side('passive')
  t.equal(side.feed('64746e21 03 00'), '64746e210400' + '050002')
  t.match(side.end, { error: { code: 'BUNDLES_LINK_VERSION' } })
})

t.test('TLS stripped on the way is noticed where it is required', async (t) => {
  for (const role of ['active', 'passive'] as const) {
    const side = new Side(role, { tls: 'required' })
    side.turn()
    t.match(side.feed(HEADER), /050004$/, 'SESS_TERM: contact failure')
    t.match(side.end, { error: { code: 'BUNDLES_LINK_TLS' } })
  }
  const allowed = new Side('passive', { tls: 'allowed' })
  allowed.feed(HEADER + INIT)
  t.match(allowed.actions[0], { kind: 'opened', authenticated: false })
})

t.test('nothing beyond the contact header is read before TLS, nor anything taken before the judgement', async (t) => {
  const side = new Side('passive', { tls: 'required' })
  side.feed(`64746e21 04 01 160301`)
  t.match(side.actions, [{ kind: 'start-tls' }])
  t.equal(side.session.wantsInput, false)
  t.equal(toHex(side.session.takeUnread()), '160301', 'the beginning of a ClientHello')
  side.session.secured('dtn://other/', 0)
  side.turn()
  t.match(side.feed(INIT), /050004$/)
  t.match(side.end, { error: { code: 'BUNDLES_LINK_IDENTITY' } }, 'the node id is not the proven one')
  const nobody = new Side('passive', { tls: 'required' })
  nobody.feed('64746e21 04 01')
  nobody.session.secured(undefined, 0)
  t.equal(toHex(nobody.turn()), '050004')
  t.match(nobody.end, { error: { code: 'BUNDLES_LINK_IDENTITY' } })
})

t.test('what may not be in a SESS_INIT', async (t) => {
  const bodies = {
    'a critical extension': '07 001e 0000000000001000 0000000001000000 0008 64746e3a2f2f612f 00000005 01 0001 0000',
    'a node id that is none': '07 001e 0000000000001000 0000000001000000 0003 616263 00000000',
    'no room for segments': '07 001e 0000000000000000 0000000001000000 0008 64746e3a2f2f612f 00000000',
  }
  for (const [what, init] of Object.entries(bodies)) {
    const side = new Side('passive')
    t.match(side.feed(HEADER + init), /050004$/, what)
    t.ok(side.end?.error, what)
  }
  const lenient = new Side('passive')
  lenient.feed(`${HEADER} 07 001e 0000000000001000 0000000001000000 0008 64746e3a2f2f612f 00000005 00 0001 0000`)
  t.match(lenient.actions, [{ kind: 'opened' }], 'an extension that is not critical is passed over')
  const expecting = new Side('active', {}, 'dtn://wanted/')
  expecting.feed(HEADER + INIT)
  t.match(expecting.end, { error: { code: 'BUNDLES_LINK_IDENTITY' } }, 'not whom we wanted')
})

t.test('segments are acknowledged with their flags and what has come in all', async (t) => {
  const side = met()
  t.equal(side.feed(segment(2, 5, 'aabb')), `0202${u64(5)}${u64(2)}`)
  t.equal(side.feed(segment(0, 5, '')), `0200${u64(5)}${u64(2)}`)
  t.equal(side.feed(segment(1, 5, 'cc')), `0201${u64(5)}${u64(3)}`)
  t.equal(toHex(side.received[0]!), 'aabbcc')
})

t.test('the last acknowledgement waits until the bundle is taken, and those behind it wait too', async (t) => {
  const side = met()
  side.hold = true
  t.equal(side.feed(segment(3, 0, 'aa') + segment(3, 1, 'bb') + segment(2, 2, 'cc')), '')
  const [first, second] = side.actions.filter((action) => action.kind === 'received')
  side.session.answer(second!.arrival, { taken: false, reason: 'duplicate' }, 0)
  t.equal(toHex(side.turn()), '')
  side.session.answer(first!.arrival, { taken: true }, 0)
  t.equal(toHex(side.turn()), `0203${u64(0)}${u64(1)}` + `0301${u64(1)}` + `0202${u64(2)}${u64(1)}`)
  side.session.answer(first!.arrival, { taken: true }, 0)
  t.equal(toHex(side.turn()), '', 'an answer counts once')
})

t.test('transfers that are refused', async (t) => {
  const length = (value: number, flags = '01') => `${flags}00010008${u64(value)}`
  const cases: [string, string, string][] = [
    ['an unknown critical item', segment(2, 1, 'aa', '0100990000'), '05'],
    ['two lengths', segment(2, 1, 'aa', length(9) + length(9)), '05'],
    ['longer than is taken', segment(2, 1, 'aa', length(1001)), '04'],
    ['longer than it said', segment(2, 1, 'aabb', length(1)), '04'],
    ['shorter than it said', segment(3, 1, 'aa', length(2)), '04'],
    ['empty', segment(3, 1, ''), '04'],
  ]
  for (const [what, bytes, reason] of cases) {
    const side = met({ maxBundleBytes: 1000 })
    t.equal(side.feed(bytes), `03${reason}${u64(1)}`, what)
    t.equal(side.feed(segment(3, 2, 'aa')), `0203${u64(2)}${u64(1)}`, 'the next one is taken')
  }
  const side = met({ maxBundleBytes: 1000 })
  side.feed(segment(2, 1, 'aa'.repeat(600)))
  t.equal(side.feed(segment(0, 1, 'aa'.repeat(600))), `0304${u64(1)}`, 'too long in the end')
  t.equal(side.feed(segment(0, 1, 'aa'.repeat(600)) + segment(1, 1, 'aa')), '', 'what still comes of it is dropped')
  t.equal(side.received.length, 0)
})

t.test('a segment beyond the MRU ends the session before its data has come', async (t) => {
  const side = met({ maxBundleBytes: 1000 })
  t.equal(side.feed(`0103${u64(1)}00000000${u64(1001)}`), '050005')
  t.match(side.end, { error: { code: 'BUNDLES_LINK_MALFORMED' } })
})

t.test('what is out of place', async (t) => {
  const ends: [string, string][] = [
    ['interleaved transfers', segment(2, 1, 'aa') + segment(2, 2, 'bb')],
    ['a segment of another transfer', segment(2, 1, 'aa') + segment(0, 2, 'bb')],
    ['a segment of no transfer', segment(0, 1, 'aa')],
    ['a transfer id that does not fit and could not be answered', `0103ffffffffffffffff00000000${u64(1)}aa`],
    ['an unknown type', '42'],
  ]
  for (const [what, bytes] of ends) {
    const side = met()
    t.match(side.feed(bytes), /060[13][04][12]050000$/, what)
    t.match(side.end, { error: { code: 'BUNDLES_LINK_UNEXPECTED' } }, what)
  }
  const side = met()
  t.equal(side.feed(INIT), '060307', 'a second SESS_INIT is answered')
  const stray = `0203${u64(9)}${u64(1)}`
  for (let count = 1; count < MAX_LINK_REJECTS; count += 1) t.equal(side.feed(stray), '060302')
  t.equal(side.end, undefined)
  t.equal(side.feed(stray), '060302' + '050000', 'so often, and no more')
  const early = new Side('passive')
  t.match(early.feed(HEADER + segment(3, 0, 'aa')), /060301050000$/, 'a bundle before SESS_INIT')
  t.equal(early.received.length, 0)
})

t.test('acknowledgements that cannot be', async (t) => {
  const lies = {
    'more than was sent': `0203${u64(0)}${u64(4)}`,
    'an end before the end': `0203${u64(0)}${u64(2)}`,
  }
  for (const [what, bytes] of Object.entries(lies)) {
    const side = met()
    side.send(opaque(1, 3))
    side.turn()
    t.match(side.feed(bytes), /0603020500..$/, what)
    t.same(side.settled, [], 'nothing is taken')
    t.match(side.end, { failed: [{}] }, what)
  }
})

t.test('an acknowledgement of all counts without its flags too, as dtn7-rs writes it', async (t) => {
  const side = met()
  side.send(opaque(1, 3))
  side.turn()
  t.equal(side.feed(`0200${u64(0)}${u64(3)}`), '')
  t.same(side.settled, [{ taken: true }])
})

t.test('a refusal stops the transfer, and says what the router needs to know', async (t) => {
  const reasons: [number, string][] = [
    [0, 'no-resources'],
    [1, 'duplicate'],
    [2, 'no-resources'],
    [3, 'no-resources'],
    [4, 'unacceptable'],
    [5, 'unacceptable'],
    [6, 'no-resources'],
    [0xf0, 'no-resources'],
  ]
  for (const [reason, said] of reasons) {
    const side = met({ segmentBytes: 10 })
    side.send(opaque(1, 1000))
    side.send(opaque(2, 3))
    Buffer.concat(side.session.takeOutput(1, 0))
    const rest = side.feed(`03${reason.toString(16).padStart(2, '0')}${u64(0)}`)
    t.match(side.settled, [{ taken: false, reason: said }])
    t.match(rest, new RegExp(`^0103${u64(1)}`), 'the next one begins at once')
    t.equal(side.feed(`0202${u64(0)}${u64(10)}`), '060302', 'an acknowledgement that crossed is passed over')
    t.equal(side.end, undefined)
  }
})

t.test('a session ends when what began is done, and takes nothing new', async (t) => {
  const [a, b] = opened({ segmentBytes: 10 })
  a.send(opaque(1, 25))
  for (const bytes of a.session.takeOutput(1, 0)) b.session.receive(bytes, 0)
  a.send(opaque(2, 5))
  a.session.terminate(0)
  t.equal(a.send(opaque(3)), false)
  t.match(a.session.takeActions(), [{ kind: 'recalled' }])
  talk(a, b)
  t.equal(b.received.length, 1)
  t.equal(b.end?.error, undefined)
  t.ok(b.end)
  const late = met()
  late.session.terminate(0)
  late.turn()
  t.equal(late.feed(segment(3, 0, 'aa')), `0306${u64(0)}`, 'refused: session terminating')
  t.equal(late.feed('050100'), '')
  t.match(late.end, { error: undefined })
})

t.test('SESS_TERM is replied to with its reason, once', async (t) => {
  const side = met()
  t.equal(side.feed('050001'), '050101')
  t.match(side.end, { error: undefined })
  const refused = new Side('active')
  refused.feed(`${HEADER} 050003`)
  t.match(refused.end, { error: { code: 'BUNDLES_LINK_REFUSED', metadata: { reason: 3 } } })
})

t.test('time: keepalives, silence, drips, missing answers, endings', async (t) => {
  const at = (side: Side, nowMs: number) => {
    side.nowMs = nowMs
    side.session.tick(nowMs)
    return toHex(side.turn())
  }
  const quiet = met({ keepaliveS: 10 })
  t.equal(quiet.session.dueMs, 10_000)
  t.equal(at(quiet, 9_999), '')
  t.equal(at(quiet, 10_000), '04')
  t.equal(at(quiet, 20_000), '050001', 'silence for two intervals')
  t.match(quiet.end, { error: { code: 'BUNDLES_LINK_TIMEOUT' } })

  const slow = new Side('passive')
  slow.feed('64')
  t.equal(slow.session.dueMs, 10_000)
  at(slow, 10_000)
  t.match(slow.end, { error: { code: 'BUNDLES_LINK_TIMEOUT' } }, 'a contact header that drips')

  const drip = met({ keepaliveS: 0, stallMs: 1000 })
  drip.feed(segment(2, 0, 'aa'))
  for (let nowMs = 100; nowMs <= 1000; nowMs += 100) {
    drip.nowMs = nowMs
    drip.feed(segment(0, 0, 'aa'))
  }
  at(drip, 1000)
  t.match(drip.end, { error: { code: 'BUNDLES_LINK_TIMEOUT' } }, 'a bundle that drips')

  const deaf = met({ keepaliveS: 0, ackMs: 5000 })
  deaf.send(opaque(1))
  deaf.turn()
  t.equal(at(deaf, 4999), '')
  at(deaf, 5000)
  t.match(deaf.end, { failed: [{}] }, 'nothing was acknowledged')

  const later = met({ keepaliveS: 0, ackMs: 5000 })
  for (const nowMs of [0, 100_000]) {
    later.nowMs = nowMs
    later.send(opaque(1, 3))
    later.turn()
    at(later, nowMs + 10)
    later.feed(`0203${u64(nowMs === 0 ? 0 : 1)}${u64(3)}`)
  }
  t.same([later.settled.length, later.end], [2, undefined], 'the time counts from what was sent')

  const idle = met({ keepaliveS: 0, idleMs: 5000 })
  t.equal(at(idle, 5000), '050001')
  at(idle, 15_000)
  t.match(idle.end, { error: { code: 'BUNDLES_LINK_TIMEOUT' } }, 'no reply to SESS_TERM')
})

t.test('while the window is full, silence of a peer that is not read is not held against it', async (t) => {
  const side = met({ windowBundles: 1, keepaliveS: 10 })
  side.hold = true
  side.feed(segment(3, 0, 'aa') + segment(3, 1, 'bb'))
  t.equal(side.received.length, 1)
  t.equal(side.session.wantsInput, false)
  side.nowMs = 50_000
  side.session.tick(50_000)
  t.equal(toHex(side.turn()), '04')
  const [first] = side.actions.filter((action) => action.kind === 'received')
  side.session.answer(first!.arrival, { taken: true }, 50_000)
  side.turn()
  t.equal(side.received.length, 2)
  t.equal(side.end, undefined)
})

t.test('a peer that never reads its answers is not read from either', async (t) => {
  const side = met({ keepaliveS: 0, stallMs: 1000 })
  const flood = Buffer.from(segment(3, 0, 'aa').repeat(1000), 'hex')
  let fed = 0
  while (side.session.wantsInput && fed < 200) {
    side.session.receive(flood, 0)
    for (const action of side.session.takeActions()) {
      if (action.kind === 'received') side.session.answer(action.arrival, { taken: true }, 0)
    }
    fed += 1
  }
  t.ok(fed < 200, 'it stops')
  side.session.tick(1000)
  side.turn()
  t.match(side.end, { error: { code: 'BUNDLES_LINK_TIMEOUT' } })
})
