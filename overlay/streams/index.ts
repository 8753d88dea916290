/**
 * Streams of requests and answers, for the protocols between admitted peers (`sync/`, `trust/`).
 *
 * In: a libp2p stream and a protocol's codec. Out: one answer for each request, in time; or an error. Frames have caps,
 * the answering side charges each peer what its requests cost, and peers at fault are left alone for a while.
 */
export { type Answered, Answerer } from './answerer.ts'
export { Asker } from './asker.ts'
export { type BudgetOptions, ByteBudget, PeerBudgets } from './budget.ts'
export { FrameStream } from './frames.ts'
export { type AnswerTo, REFUSAL, REFUSAL_REASON, type Refusal, type RefusalAnswer, reasonOf } from './messages.ts'
export { Penalties } from './penalties.ts'
