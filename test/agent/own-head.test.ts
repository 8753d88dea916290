import t, { type Test } from 'tap'
import { OwnHeadQuestion } from '../../agent/node/own-head.ts'
import { SimulatedClock, silentLogger } from '../../core/index.ts'
import { append, chainOf, deviceKey, forge, openNode, type TestNode } from '../ledger/support.ts'

const FIRST_ANSWER_MS = 5_000
const OTHER_ANSWERS_MS = 2_000
const PROOF_MS = 30_000

/** A node whose disk holds only the first `held` blocks of its chain of five, and all five. */
async function restored(t: Test, held: number) {
  const key = await deviceKey()
  const dir = t.testdir({ whole: {}, restored: {} })
  const whole = await openNode({ path: `${dir}/whole`, nodeId: 'a', deviceKey: key })
  const blocks = await append(whole, 'one', 'two', 'three', 'four', 'five')
  const bytes = await chainOf(whole, 'a')
  const node = await openNode({ path: `${dir}/restored`, nodeId: 'a', deviceKey: key })
  if (held > 0) await node.ledger.receive('a', bytes.slice(0, held))
  t.teardown(() => Promise.all([whole.database.close(), node.database.close()]))
  const head = (seq: number) => ({ origin: 'a', seq, id: blocks[seq - 1]?.id ?? new Uint8Array(32).fill(seq) })
  return { node, bytes, head }
}

/** The question of `node`, asked, and its answer as soon as there is one. */
function ask(node: TestNode, firstAnswerMs = FIRST_ANSWER_MS) {
  const clock = new SimulatedClock()
  const asked: string[] = []
  const stop = new AbortController()
  const question = new OwnHeadQuestion(
    { firstAnswerMs, otherAnswersMs: OTHER_ANSWERS_MS, proofMs: PROOF_MS },
    { clock, logger: silentLogger(), ledger: node.ledger, fetch: (nodeId) => asked.push(nodeId) },
  )
  const asking = { question, asked, stop, answer: undefined as unknown, pass }
  question.settle(stop.signal).then(
    (outcome) => (asking.answer = outcome),
    (error) => (asking.answer = error),
  )
  /** Lets time pass; what is read from disk meanwhile comes as fast as it may. */
  async function pass(ms: number): Promise<unknown> {
    const steps = Math.ceil(ms / 100)
    for (let step = 0; step < steps && asking.answer === undefined; step += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      await clock.advance(ms / steps)
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
    return asking.answer
  }
  return asking
}

t.test('a node that looks for nobody appends at once', async (t) => {
  const { node } = await restored(t, 2)
  t.equal(await ask(node, 0).pass(1), 'append')
})

t.test('a node whose peers are away waits a little', async (t) => {
  const { node } = await restored(t, 2)
  const asking = ask(node)
  t.equal(await asking.pass(FIRST_ANSWER_MS - 200), undefined)
  t.equal(await asking.pass(400), 'append')
})

t.test('a peer that knows the same head ends the question', async (t) => {
  const { node, head } = await restored(t, 3)
  const asking = ask(node)
  asking.question.claimed(head(3), 'b')
  t.equal(await asking.pass(300), undefined, 'a claim is not all that a peer may tell')
  asking.question.answered('b')
  t.equal(await asking.pass(300), 'append')
  t.same(asking.asked, [])
})

t.test('after a peer that knows less or nothing, the others are waited for a little', async (t) => {
  const { node, bytes, head } = await restored(t, 3)
  for (const claim of [head(1), undefined]) {
    const asking = ask(node)
    if (claim !== undefined) asking.question.claimed(claim, 'b')
    asking.question.answered('b')
    t.equal(await asking.pass(OTHER_ANSWERS_MS - 200), undefined)
    t.equal(await asking.pass(400), 'append', 'there are no others')
    t.same(asking.asked, [])
  }
  const asking = ask(node)
  asking.question.answered('new')
  t.equal(await asking.pass(OTHER_ANSWERS_MS - 200), undefined)
  asking.question.claimed(head(5), 'b')
  t.equal(await asking.pass(1_000), undefined, 'numbers 4 and 5 are taken')
  t.same(asking.asked, ['b'])
  await node.ledger.receive('a', bytes.slice(3))
  t.equal(await asking.pass(1_000), 'append')
})

t.test('a restored backup gets its tail back first', async (t) => {
  const { node, bytes, head } = await restored(t, 1)
  const asking = ask(node)
  asking.question.claimed(head(5), 'b')
  asking.question.claimed(head(2), 'c')
  asking.question.answered('b')
  t.equal(await asking.pass(1_000), undefined)
  t.same(asking.asked, ['b'], 'who has it is asked for it')
  for (const block of [2, 3, 4]) {
    t.equal(await asking.pass(PROOF_MS - 1_000), undefined, 'a long tail may take long, while more of it comes')
    await node.ledger.receive('a', bytes.slice(block - 1, block))
  }
  t.equal(await asking.pass(PROOF_MS - 1_000), undefined)
  await node.ledger.receive('a', bytes.slice(4))
  t.equal(await asking.pass(1_000), 'append')
  t.equal(node.ledger.head('a')?.seq, 5)
})

t.test('a claim that is never shown does not hold a node up for ever', async (t) => {
  const { node, head } = await restored(t, 2)
  for (const claim of [head(9), { ...head(2), id: new Uint8Array(32).fill(66) }]) {
    const asking = ask(node)
    asking.question.claimed(claim, 'liar')
    asking.question.claimed(head(2), 'b')
    asking.question.answered('liar')
    t.equal(await asking.pass(PROOF_MS - 1_000), undefined)
    t.same(asking.asked, ['liar'])
    for (let more = 1; more <= 20; more += 1) {
      asking.question.claimed({ ...claim, seq: claim.seq + more }, 'liar')
      await asking.pass(100)
    }
    t.equal(await asking.pass(1_000), 'append', 'whatever else the liar claims')
  }
})

t.test('a fork that is shown stops the node', async (t) => {
  const { node, head } = await restored(t, 2)
  const timestampMs = node.clock.now()
  const payloadHash = new Uint8Array(32).fill(1)
  const other = await forge(node.deviceKey, {
    nodeId: 'a',
    seq: 2,
    prev: head(1).id,
    timestampMs,
    payloadHash,
    eventType: 'ids_alert',
  })
  const asking = ask(node)
  asking.question.claimed({ origin: 'a', seq: 2, id: other.id }, 'b')
  asking.question.answered('b')
  t.equal(await asking.pass(1_000), undefined)
  await t.rejects(node.ledger.receive('a', [other.bytes]), { code: 'LEDGER_BLOCK_CONFLICT' })
  t.equal(await asking.pass(1_000), 'forked')
})

t.test('stopping the node ends the question', async (t) => {
  const { node } = await restored(t, 1)
  const asking = ask(node)
  await asking.pass(300)
  asking.stop.abort(new Error('enough'))
  t.match(await asking.pass(300), { message: 'enough' })
})
