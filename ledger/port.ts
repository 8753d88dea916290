import { isGapmeshError } from '../core/index.ts'
import type { ChainHead } from './chain-state.ts'
import type { ChainWant } from './store/heads.ts'
import type { Ledger } from './store/ledger.ts'

/** What a road says of bytes it handed over. */
export type ReceiveVerdict = 'accept' | 'ignore' | 'reject'

/** The ledger as a network layer sees it: failures are verdicts, never exceptions with inner causes. */
export interface LedgerPort {
  heads(): Promise<readonly ChainHead[]>
  learn(head: ChainHead, from: { readonly nodeId: string }): Promise<ChainWant | undefined>
  read(origin: string, fromSeq: number, maxCount: number): Promise<readonly Uint8Array[]>
  receive(origin: string, blocks: readonly Uint8Array[], from: { readonly nodeId: string }): Promise<ReceiveVerdict>
}

/** Told of every failure, with the peer that caused it. */
export type PortObserver = (error: unknown, from: { readonly nodeId: string }) => void

/** Puts `ledger` behind a {@link LedgerPort}. What is not the peer's fault, a full disk included, is `ignore`. */
export function ledgerPort(ledger: Ledger, observe: PortObserver = () => {}): LedgerPort {
  return {
    heads: async () => ledger.heads(),
    async learn(head, from) {
      try {
        return await ledger.learn(head, from)
      } catch (error) {
        observe(error, from)
        return undefined
      }
    },
    read: (origin, fromSeq, maxCount) => ledger.read(origin, fromSeq, maxCount),
    async receive(origin, blocks, from) {
      try {
        await ledger.receive(origin, blocks)
        return 'accept'
      } catch (error) {
        observe(error, from)
        return isGapmeshError(error) && error.action === 'reject' ? 'reject' : 'ignore'
      }
    },
  }
}
