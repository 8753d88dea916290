import fc from 'fast-check'
import t from 'tap'
import { decodePosition, encodePosition, type FilePosition } from '../../agent/ingest/index.ts'
import { matchesHead, positionAt } from '../../agent/ingest/position.ts'
import { type Candidate, isRotatedName, planSources } from '../../agent/ingest/sources.ts'
import { FINGERPRINT_BYTES, MAX_POSITION_BYTES } from '../../agent/limits.ts'
import { encodeCbor } from '../../core/index.ts'
import { bytes } from './helpers.ts'

const FILE = { device: '66305', inode: '18446744073709551615' }
const HEAD = bytes('x'.repeat(FINGERPRINT_BYTES))

t.test('positions round-trip', async (t) => {
  for (const offset of [0, 1, 1023, 1024, 2 ** 40]) {
    const position = positionAt(FILE, HEAD, offset)
    t.same(decodePosition(encodePosition(position)), position)
    t.equal(position.fingerprintBytes, Math.min(offset, FINGERPRINT_BYTES))
    t.ok(matchesHead(position, HEAD))
  }
})

t.test('malformed positions are refused', async (t) => {
  const { device, inode, offset, fingerprint } = positionAt(FILE, HEAD, 5)
  const bad = [
    [2, device, inode, offset, 5, fingerprint],
    [1, 'x', inode, offset, 5, fingerprint],
    [1, device, inode, offset, 6, fingerprint],
    [1, device, inode, 2000, FINGERPRINT_BYTES + 1, fingerprint],
    [1, device, inode, offset, 5, fingerprint.subarray(1)],
    [1, device, inode, offset, 5],
    [1, device, inode, offset, 5, fingerprint, 1],
  ]
  for (const fields of bad) t.throws(() => decodePosition(encodeCbor(fields)), { code: 'AGENT_INPUT_POSITION' })
  const long = encodeCbor([1, '1'.repeat(MAX_POSITION_BYTES), inode, offset, 5, fingerprint])
  t.throws(() => decodePosition(long), { code: 'AGENT_INPUT_POSITION', cause: { code: 'CORE_CBOR_TOO_LARGE' } })
  const valid = encodePosition(positionAt(FILE, HEAD, 5))
  fc.assert(
    fc.property(fc.nat(valid.length - 1), fc.nat(255), (at, byte) => {
      const mutated = valid.slice()
      mutated[at] = byte
      try {
        return Buffer.compare(encodePosition(decodePosition(mutated)), mutated) === 0
      } catch (error) {
        return (error as { code: string }).code === 'AGENT_INPUT_POSITION'
      }
    }),
  )
})

t.test('what to read after a position', async (t) => {
  const position: FilePosition = positionAt({ device: '1', inode: '10' }, HEAD, 500)
  const current: Candidate = {
    path: 'log',
    current: true,
    inode: '10',
    size: 900,
    modifiedNs: 100n,
    headMatches: true,
  }
  const fresh = { ...current, inode: '11', size: 20, headMatches: false }
  const rotated = (path: string, changes: Partial<Candidate>): Candidate => ({
    ...current,
    current: false,
    path,
    ...changes,
  })
  const plan = (...candidates: Candidate[]) => {
    const { sources, possiblyMissed } = planSources(position, candidates)
    return [...sources.map(({ path, offset }) => `${path}@${offset}`), ...(possiblyMissed ? ['missed'] : [])]
  }
  t.same(plan(current), ['log@500'])
  t.same(plan({ ...current, inode: '12' }), ['log@500'], 'copied or restored: known by its beginning')
  t.same(plan(fresh, rotated('log.1', {})), ['log.1@500', 'log@0'], 'renamed')
  t.same(plan(fresh, rotated('log.1', { inode: '77' })), ['log.1@500', 'log@0'], 'copied, then truncated')
  t.same(
    plan(
      fresh,
      rotated('log.1', { inode: '9', headMatches: false, modifiedNs: 60n }),
      rotated('log.2', { modifiedNs: 50n }),
      rotated('log.3', { inode: '8', headMatches: false, modifiedNs: 40n }),
    ),
    ['log.2@500', 'log.1@0', 'log@0'],
    'rotated more than once: what came after is read whole, what came before is not',
  )
  t.same(plan(rotated('log.1', {})), ['log.1@500'], 'no new file yet')
  t.same(plan(fresh), ['log@0', 'missed'], 'gone')
  t.same(plan({ ...fresh, inode: '10' }), ['log@0', 'missed'], 'inode used again by another file')
  t.same(plan({ ...current, size: 400 }), ['log@0', 'missed'], 'shorter than what was read')
  t.same(plan(), ['missed'])
  const short = positionAt({ device: '1', inode: '10' }, HEAD, 10)
  t.same(planSources(short, [{ ...current, inode: '12' }]).possiblyMissed, true, 'ten bytes identify no file')
  const unread = positionAt({ device: '1', inode: '10' }, HEAD, 0)
  t.same(planSources(unread, [fresh]).possiblyMissed, false, 'nothing was read, nothing is missed')
})

t.test('names of rotated files', async (t) => {
  for (const name of ['eve.json.1', 'eve.json-20260101', 'eve.json.2026-01-01T00:00', 'eve-2026-01-01.json']) {
    t.ok(isRotatedName('eve.json', name), name)
  }
  for (const name of ['eve.json', 'eve.json.1.gz', 'eve.json.bak', 'eve.json.old', 'other.json.1', 'eve.json.swp']) {
    t.notOk(isRotatedName('eve.json', name), name)
  }
  t.ok(isRotatedName('notice.log', 'notice-26-01-15_17.00.00.log'))
})
