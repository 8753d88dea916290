import type { Stream } from '@libp2p/interface'
import type { Clock } from '../../core/index.ts'
import { MAX_SYNC_FRAME_BYTES } from '../limits.ts'
import { Asker } from '../streams/index.ts'
import { decodeAnswer, encodeRequest, type SyncAnswer, type SyncRequest } from './codec.ts'

export interface ClientOptions {
  /** How long one answer may take, in milliseconds. */
  readonly answerTimeoutMs: number
}

/** The asking side of one sync stream. */
export class SyncClient extends Asker<SyncRequest, Exclude<SyncAnswer, { kind: 'refusal' }>> {
  constructor({ answerTimeoutMs }: ClientOptions, dependencies: { readonly clock: Clock; readonly stream: Stream }) {
    const { clock, stream } = dependencies
    super(
      { answerTimeoutMs, maxFrameBytes: MAX_SYNC_FRAME_BYTES },
      { clock, stream, encode: encodeRequest, decode: decodeAnswer },
    )
  }
}
