import type { Clock, Logger } from '../../core/index.ts'
import { MAX_REQUESTS_PER_STREAM, MAX_SYNC_FRAME_BYTES } from '../limits.ts'
import type { ChainPort, RecordPort } from '../ports.ts'
import { Answerer, type BudgetOptions } from '../streams/index.ts'
import { Answers } from './answers.ts'
import { decodeRequest, encodeAnswer, type SyncAnswer, type SyncRequest } from './codec.ts'

export interface ServerOptions {
  readonly budget: BudgetOptions
  /** A stream is ended when it brings no request for this long, or takes no answer, in milliseconds. */
  readonly idleTimeoutMs: number
}

export interface ServerDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly records: RecordPort
  readonly chains: ChainPort
  /** True for a peer that may be sent what this node holds. */
  mayReceive(peerKey: string): boolean
  /** A peer said that it has news. */
  onHint(peerKey: string): void
}

/** The answering side of the sync protocol. */
export class SyncServer extends Answerer<SyncRequest, SyncAnswer> {
  constructor(options: ServerOptions, dependencies: ServerDependencies) {
    const { clock, logger, mayReceive, onHint } = dependencies
    const answers = new Answers(dependencies)
    super(
      { ...options, maxFrameBytes: MAX_SYNC_FRAME_BYTES, maxRequests: MAX_REQUESTS_PER_STREAM },
      {
        ...{ clock, logger, decode: decodeRequest, encode: encodeAnswer },
        answer: (request, peerKey) => {
          if (request.kind === 'hint') onHint(peerKey)
          else if (!mayReceive(peerKey)) return { answer: { kind: 'refusal', reason: 'busy' }, costBytes: 0 }
          return answers.to(request)
        },
      },
    )
  }
}
