import type { Clock } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { MAX_BLOCKS_PER_ANSWER, MAX_WANTS_PER_CATCH_UP } from '../limits.ts'
import type { ChainHead, ChainPort, ChainWant, Sender } from '../ports.ts'
import type { ChainTurns, WantOutcome } from './chain-turns.ts'
import type { SyncClient } from './client.ts'

export interface WantDependencies {
  readonly clock: Clock
  readonly client: Pick<SyncClient, 'ask'>
  readonly chains: ChainPort
  readonly from: Sender
  /** Told how many blocks the ledger took. */
  onBlocks(count: number): void
}

export interface ChainPullDependencies extends WantDependencies {
  readonly turns: ChainTurns
  /** Told of every chain that is held up to this head now. */
  onMoved(head: ChainHead): void
}

/** One want may take this long before others have their turn, in milliseconds. */
const WANT_TIMEOUT_MS = 60_000

/**
 * Asks a peer for its heads and fetches the blocks that the ledger wants. Answers true when something was left for the
 * next time.
 * @throws OVERLAY_SYNC_REJECTED, OVERLAY_SYNC_UNEXPECTED and the codes of {@link SyncClient.ask}
 */
export async function pullChains(dependencies: ChainPullDependencies): Promise<boolean> {
  const { client, chains, turns, from } = dependencies
  let after: string | undefined
  let wants = 0
  let left = false
  for (;;) {
    const { heads, more } = await client.ask({ kind: 'heads', after })
    const [first] = heads
    if (first !== undefined && after !== undefined && first.origin <= after) {
      throw OVERLAY_ERRORS.create('OVERLAY_SYNC_UNEXPECTED')
    }
    for (const head of heads) {
      const { kind, want } = await chains.learn(head, from)
      if (kind === 'malformed') throw OVERLAY_ERRORS.create('OVERLAY_SYNC_REJECTED')
      if (want === undefined) continue
      // Once only: the records of this catch-up come after the last chain.
      if (wants === 0) await turns.giveWay()
      if (wants === MAX_WANTS_PER_CATCH_UP) return true
      wants += 1
      if (!(await pullHead(head, want, dependencies))) left = true
    }
    after = heads.at(-1)?.origin
    if (!more || after === undefined) return left
  }
}

/** False when the chain is left for the next time: another peer is sending it, or it takes too long. */
async function pullHead(head: ChainHead, want: ChainWant, dependencies: ChainPullDependencies): Promise<boolean> {
  const { turns, chains, from, onMoved } = dependencies
  if (!turns.isFree(want)) return false
  const outcome = await turns.take(want, (rest) => pullWant(rest, dependencies))
  const isHeld = outcome === 'complete' && !want.compare && (await chains.learn(head, from)).kind === 'known'
  if (isHeld) onMoved(head)
  return outcome !== 'cut'
}

/**
 * Fetches the blocks of one want, in order. Every answer has to move it on, and all of them have to come in time.
 * @throws OVERLAY_SYNC_REJECTED, OVERLAY_SYNC_UNEXPECTED and the codes of {@link SyncClient.ask}
 */
export async function pullWant(want: ChainWant, dependencies: WantDependencies): Promise<WantOutcome> {
  const { clock, client, chains, from } = dependencies
  const { origin } = want
  const untilMs = clock.monotonic() + WANT_TIMEOUT_MS
  let { fromSeq } = want
  while (fromSeq <= want.toSeq) {
    if (clock.monotonic() > untilMs) return 'cut'
    const maxCount = Math.min(MAX_BLOCKS_PER_ANSWER, want.toSeq - fromSeq + 1)
    const { blocks } = await client.ask({ kind: 'blocks', origin, fromSeq, maxCount })
    if (blocks.length > maxCount) throw OVERLAY_ERRORS.create('OVERLAY_SYNC_UNEXPECTED')
    if (blocks.length === 0) return 'ended'
    const verdict = await chains.receive({ origin, fromSeq }, blocks, from)
    if (verdict === 'reject') throw OVERLAY_ERRORS.create('OVERLAY_SYNC_REJECTED')
    if (verdict === 'ignore') return 'ended'
    dependencies.onBlocks(blocks.length)
    fromSeq += blocks.length
  }
  return 'complete'
}
