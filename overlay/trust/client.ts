import type { Stream } from '@libp2p/interface'
import type { Clock } from '../../core/index.ts'
import { MAX_TRUST_FRAME_BYTES } from '../limits.ts'
import { Asker } from '../streams/index.ts'
import { decodeAnswer, encodeRequest, type TrustAnswer, type TrustRequest } from './codec.ts'

/** The asking side of one trust stream. */
export class TrustClient extends Asker<TrustRequest, TrustAnswer> {
  constructor(
    { answerTimeoutMs }: { readonly answerTimeoutMs: number },
    { clock, stream }: { readonly clock: Clock; readonly stream: Stream },
  ) {
    super(
      { answerTimeoutMs, maxFrameBytes: MAX_TRUST_FRAME_BYTES },
      { clock, stream, encode: encodeRequest, decode: decodeAnswer },
    )
  }
}
