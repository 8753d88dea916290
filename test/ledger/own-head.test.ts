import fc from 'fast-check'
import t from 'tap'
import { type ChainPlace, decideOwnHead, type HeadAnswer } from '../../ledger/index.ts'
import { append, deviceKey, openNode } from './support.ts'

const id = (seq: number, branch = 0) => new Uint8Array(32).fill(seq).fill(branch, 31)
const place = (seq: number, branch = 0): ChainPlace => ({ seq, id: id(seq, branch) })

/** Own chain of `length` blocks on branch 0; each answer is a head, or undefined. */
function decide(length: number, ...heads: (ChainPlace | undefined)[]) {
  const answers: HeadAnswer[] = heads.map((head, index) => ({ from: `p${index}`, head }))
  const ownIds = new Map(Array.from({ length }, (_, index) => [index + 1, id(index + 1)]))
  return decideOwnHead({ own: length === 0 ? undefined : place(length), answers, ownIds })
}

t.test('the four answers', async (t) => {
  t.strictSame(decide(5, place(5), place(3)), { kind: 'same', witnesses: 1 })
  t.strictSame(decide(5, place(3), undefined), { kind: 'ahead-of-peers', witnesses: 2 })
  const head = place(8)
  t.strictSame(decide(5, place(5), head, place(7), head), { kind: 'behind', fromSeq: 6, head, peers: ['p1', 'p3'] })
  t.strictSame(decide(5, place(5, 1)), { kind: 'forked', head: place(5, 1), peers: ['p0'] })
})

t.test('at the edges', async (t) => {
  t.strictSame(decide(0), { kind: 'ahead-of-peers', witnesses: 0 }, 'nobody asked')
  t.strictSame(decide(0, undefined), { kind: 'ahead-of-peers', witnesses: 1 }, 'a new node')
  t.match(decide(0, place(1)), { kind: 'behind', fromSeq: 1 }, 'everything is gone here')
  t.match(decide(5, place(2, 1), place(9)), { kind: 'forked', peers: ['p0'] }, 'a fork outweighs')
  t.match(decide(5, place(6), place(6, 1)), { kind: 'behind', peers: ['p0'] }, 'the block itself tells who is right')
})

t.test('a number that any peer has seen is never free', async () => {
  const anyPlace = fc.option(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 1 })), {
    nil: undefined,
  })
  fc.assert(
    fc.property(fc.nat({ max: 9 }), fc.array(anyPlace, { maxLength: 6 }), (length, heads) => {
      const places = heads.map((head) => head && place(...head))
      const decision = decide(length, ...places)
      const mayAppend = decision.kind === 'same' || decision.kind === 'ahead-of-peers'
      const harmless = heads.every((head) => head === undefined || (head[0] <= length && head[1] === 0))
      return mayAppend === harmless
    }),
    { numRuns: 500, seed: 4 },
  )
})

t.test('the ledger looks up its own ids for the question', async (t) => {
  const node = await openNode({ path: t.testdir(), nodeId: 'a', deviceKey: await deviceKey() })
  const [first, second] = await append(node, 'one', 'two')
  if (!first || !second) throw new Error('two blocks')
  const judge = (...heads: (ChainPlace | undefined)[]) =>
    node.ledger.judgeOwnHead(heads.map((head, index) => ({ from: `p${index}`, head })))
  t.match(await judge(first), { kind: 'ahead-of-peers' })
  t.match(await judge(first, second), { kind: 'same' })
  t.match(await judge({ seq: 1, id: second.id }), { kind: 'forked' })
  t.match(await judge({ seq: 3, id: second.id }), { kind: 'behind', fromSeq: 3 })
  t.match(await judge({ seq: 2 ** 53, id: second.id }), { kind: 'behind' })
  await node.database.close()
})
