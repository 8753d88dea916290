import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { type CborValue, encodeCbor, fromHex, toHex } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import {
  decodeMicroblock,
  EVENT_TYPES,
  type EventType,
  encodeMicroblock,
  LEDGER_ERRORS,
  MAX_BLOCK_BYTES,
  type MicroblockFields,
  microblockId,
  signedBytesOf,
} from '../../ledger/index.ts'
import { BINDING, provider } from './support.ts'

const vectors = JSON.parse(readFileSync(new URL('../vectors/ledger/microblocks.json', import.meta.url), 'utf8'))
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => new Uint8Array(bytes))
const fieldsArbitrary: fc.Arbitrary<MicroblockFields> = fc.record({
  nodeId: fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/),
  seq: fc.integer({ min: 2, max: Number.MAX_SAFE_INTEGER }),
  prev: bytes32.filter((prev) => prev.some((byte) => byte !== 0)),
  timestampMs: fc.maxSafeNat(),
  payloadHash: bytes32,
  eventType: fc.constantFrom(...(Object.keys(EVENT_TYPES) as EventType[])),
  keyId: bytes32,
})

/** The definition in the frame's comment, written out. */
function itemsOf(fields: MicroblockFields): CborValue[] {
  const { nodeId, seq, prev, timestampMs, payloadHash, eventType, keyId } = fields
  return ['M', nodeId, seq, prev, timestampMs, payloadHash, EVENT_TYPES[eventType], keyId]
}

t.test('blocks that a release wrote are read for ever', async (t) => {
  const key = provider.importPublic(fromHex(vectors.spki))
  t.equal(vectors.blocks.length, Object.keys(EVENT_TYPES).length)
  for (const vector of vectors.blocks) {
    const block = decodeMicroblock(fromHex(vector.block))
    t.match(block, { nodeId: vectors.node_id, seq: vector.seq, timestampMs: vector.timestamp })
    t.equal(block.eventType, vector.event_type)
    t.equal(toHex(block.id), vector.id)
    t.equal(toHex(block.prev), vector.prev)
    t.equal(toHex(block.payloadHash), vector.payload_hash)
    t.equal(toHex(block.keyId), toHex(key.keyId))
    t.ok(await provider.verify(key, signedBytesOf(BINDING)(block.id), block.signature))
  }
  const first = fromHex(vectors.blocks[0].id)
  t.equal(toHex(signedBytesOf(BINDING)(first)), vectors.signed_bytes_of_first)
})

t.test('id and signed bytes are what the frame says', async (t) => {
  fc.assert(
    fc.property(fieldsArbitrary, (fields) => {
      const id = sha256(encodeCbor(['gapmesh-block-1', ...itemsOf(fields)]))
      t.equal(toHex(microblockId(fields)), toHex(id))
      const signature = new Uint8Array(64).fill(3)
      t.equal(toHex(encodeMicroblock(fields, signature)), toHex(encodeCbor([...itemsOf(fields), signature])))
      const signed = encodeCbor(['gapmesh-block-signature-1', BINDING.mesh, BINDING.rootFingerprint, id])
      t.equal(toHex(signedBytesOf(BINDING)(id)), toHex(signed))
    }),
    { numRuns: 50, seed: 1 },
  )
})

t.test('a signature does not hold in another mesh or under another root', async (t) => {
  const key = provider.importPublic(fromHex(vectors.spki))
  const { id, signature } = decodeMicroblock(fromHex(vectors.blocks[0].block))
  const elsewhere = signedBytesOf({ ...BINDING, mesh: 'south-grid' })(id)
  const otherRoot = signedBytesOf({ ...BINDING, rootFingerprint: new Uint8Array(32) })(id)
  t.notOk(await provider.verify(key, elsewhere, signature))
  t.notOk(await provider.verify(key, otherRoot, signature))
})

t.test('round trip', async (t) => {
  fc.assert(
    fc.property(fieldsArbitrary, fc.constantFrom(64, 96), (fields, length) => {
      const bytes = encodeMicroblock(fields, new Uint8Array(length).fill(1))
      const block = decodeMicroblock(bytes)
      t.strictSame(toHex(block.id), toHex(microblockId(fields)))
      return toHex(encodeMicroblock(block, block.signature)) === toHex(bytes)
    }),
    { numRuns: 100, seed: 2 },
  )
})

t.test('what is not a microblock', async (t) => {
  const good = itemsOf(decodeMicroblock(fromHex(vectors.blocks[1].block)))
  const signature = new Uint8Array(64)
  const zeros = new Uint8Array(32)
  const changed = (at: number, value: CborValue) => encodeCbor([...good.with(at, value), signature])
  t.doesNotThrow(() => decodeMicroblock(changed(2, 3)))
  const wrong: [string, Uint8Array][] = [
    ['another type', changed(0, 'C')],
    ['an empty name', changed(1, '')],
    ['a name that is no label', changed(1, 'Sensor')],
    ['a name of 64 bytes', changed(1, 'a'.repeat(64))],
    ['number 0', changed(2, 0)],
    ['a number beyond 2^53', changed(2, 2n ** 53n)],
    ['the first block with a block before', changed(2, 1)],
    ['a later block without one', changed(3, zeros)],
    ['a short link', changed(3, new Uint8Array(31).fill(1))],
    ['a time before 1970', changed(4, -1)],
    ['a short payload hash', changed(5, new Uint8Array(31))],
    ['event type 0', changed(6, 0)],
    ['an unknown event type', changed(6, 5)],
    ['the event type as text', changed(6, 'ids_alert')],
    ['a short key id', changed(7, new Uint8Array(31))],
    ['a signature of no suite', encodeCbor([...good, new Uint8Array(65)])],
    ['no signature', encodeCbor(good)],
    ['ten items', encodeCbor([...good, signature, 0])],
    ['a map', encodeCbor(new Map([[1, 'M']]))],
    ['bytes behind', Uint8Array.of(...changed(2, 3), 0)],
    ['nothing', new Uint8Array()],
  ]
  for (const [what, bytes] of wrong) {
    t.throws(() => decodeMicroblock(bytes), { code: 'LEDGER_BLOCK_MALFORMED', action: 'reject' }, what)
  }
  t.throws(() => decodeMicroblock(new Uint8Array(MAX_BLOCK_BYTES + 1)), { code: 'LEDGER_BLOCK_TOO_LARGE' })
})

t.test('the longest block fits under the cap', async (t) => {
  const id = new Uint8Array(32).fill(255)
  const max = Number.MAX_SAFE_INTEGER
  const fields = { seq: max, prev: id, timestampMs: max, payloadHash: id, eventType: 'ids_alert', keyId: id } as const
  const bytes = encodeMicroblock({ nodeId: 'a'.repeat(63), ...fields }, new Uint8Array(96))
  t.ok(bytes.length <= MAX_BLOCK_BYTES, `${bytes.length} bytes`)
  t.doesNotThrow(() => decodeMicroblock(bytes))
})

t.test('changed bytes decode to the same bytes or fail with a code', async (t) => {
  let accepted = 0
  let refused = 0
  const valid = vectors.blocks.map(({ block }: { block: string }) => fromHex(block)) as Uint8Array[]
  const change = fc.tuple(fc.nat({ max: 240 }), fc.integer({ min: 0, max: 255 }))
  fc.assert(
    fc.property(fc.constantFrom(...valid), fc.array(change, { minLength: 1, maxLength: 3 }), (source, changes) => {
      const bytes = new Uint8Array(source)
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte
      try {
        const block = decodeMicroblock(bytes)
        accepted += 1
        return toHex(encodeMicroblock(block, block.signature)) === toHex(bytes)
      } catch (error) {
        refused += 1
        return LEDGER_ERRORS.matches(error)
      }
    }),
    { numRuns: 2000, seed: 3 },
  )
  t.ok(accepted > 100 && refused > 100, `accepted ${accepted}, refused ${refused}`)
})
