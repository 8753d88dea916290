import { isGapmeshError } from '../core/index.ts'
import type { ChainHead } from './chain-state.ts'
import { LEDGER_ERRORS } from './errors.ts'
import { decodeMicroblock } from './microblock.ts'
import type { LearnedHead } from './store/heads.ts'
import type { Ledger } from './store/ledger.ts'

/** What a road says of bytes it handed over. */
export type ReceiveVerdict = 'accept' | 'ignore' | 'reject'

/** What a head was; `malformed` is none, whoever reads it. */
export type HeardHead = LearnedHead | { readonly kind: 'malformed' }

/** The ledger as a network layer sees it: failures are verdicts, never exceptions with inner causes. */
export interface LedgerPort {
  heads(): Promise<readonly ChainHead[]>
  learn(head: ChainHead, from: { readonly nodeId: string }): Promise<HeardHead>
  read(origin: string, fromSeq: number, maxCount: number): Promise<readonly Uint8Array[]>
  /** Takes blocks that were asked for from `place.fromSeq` on; an answer that begins elsewhere is refused. */
  receive(
    place: { readonly origin: string; readonly fromSeq: number },
    blocks: readonly Uint8Array[],
    from: { readonly nodeId: string },
  ): Promise<ReceiveVerdict>
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
        return { kind: isFault(error) ? 'malformed' : 'known' }
      }
    },
    read: (origin, fromSeq, maxCount) => ledger.read(origin, fromSeq, maxCount),
    async receive({ origin, fromSeq }, blocks, from) {
      try {
        checkBeginning(fromSeq, blocks)
        await ledger.receive(origin, blocks)
        return 'accept'
      } catch (error) {
        observe(error, from)
        return isFault(error) ? 'reject' : 'ignore'
      }
    },
  }
}

/** That the others rise by one from there is checked with their links. */
function checkBeginning(fromSeq: number, [first]: readonly Uint8Array[]): void {
  if (first !== undefined && decodeMicroblock(first).seq !== fromSeq)
    throw LEDGER_ERRORS.create('LEDGER_BLOCK_LINK', { detail: 'the answer begins elsewhere' })
}

function isFault(error: unknown): boolean {
  return isGapmeshError(error) && error.action === 'reject'
}
