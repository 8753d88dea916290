import { OVERLAY_ERRORS } from '../errors.ts'
import { MAX_BLOCKS_PER_ANSWER, MAX_WANTS_PER_CATCH_UP } from '../limits.ts'
import type { ChainPort, ChainWant, Sender } from '../ports.ts'
import type { SyncClient } from './client.ts'

export interface ChainPullDependencies {
  readonly client: SyncClient
  readonly chains: ChainPort
  readonly from: Sender
  /** Told how many blocks the ledger took. */
  onBlocks(count: number): void
}

/**
 * Asks a peer for its heads and fetches the blocks that the ledger wants.
 * @throws OVERLAY_SYNC_REJECTED and the codes of {@link SyncClient.ask}
 */
export async function pullChains(dependencies: ChainPullDependencies): Promise<void> {
  const { client, chains, from } = dependencies
  let after: string | undefined
  let wants = 0
  for (;;) {
    const { heads, more } = await client.ask({ kind: 'heads', after })
    const [first] = heads
    if (first !== undefined && after !== undefined && first.origin <= after) {
      throw OVERLAY_ERRORS.create('OVERLAY_SYNC_UNEXPECTED')
    }
    for (const head of heads) {
      const want = await chains.learn(head, from)
      if (want === undefined) continue
      wants += 1
      await pullWant(want, dependencies)
    }
    after = heads.at(-1)?.origin
    if (!more || after === undefined || wants >= MAX_WANTS_PER_CATCH_UP) return
  }
}

/**
 * Fetches the blocks of one want, in order; answers true when all of them came and were taken.
 * @throws OVERLAY_SYNC_REJECTED and the codes of {@link SyncClient.ask}
 */
export async function pullWant(want: ChainWant, dependencies: ChainPullDependencies): Promise<boolean> {
  const { client, chains, from } = dependencies
  let fromSeq = want.fromSeq
  while (fromSeq <= want.toSeq) {
    const maxCount = Math.min(MAX_BLOCKS_PER_ANSWER, want.toSeq - fromSeq + 1)
    const { blocks } = await client.ask({ kind: 'blocks', origin: want.origin, fromSeq, maxCount })
    if (blocks.length > maxCount) throw OVERLAY_ERRORS.create('OVERLAY_SYNC_UNEXPECTED')
    if (blocks.length === 0) return false
    const verdict = await chains.receive(want.origin, blocks, from)
    if (verdict === 'reject') throw OVERLAY_ERRORS.create('OVERLAY_SYNC_REJECTED')
    if (verdict === 'ignore') return false
    dependencies.onBlocks(blocks.length)
    fromSeq += blocks.length
  }
  return true
}
