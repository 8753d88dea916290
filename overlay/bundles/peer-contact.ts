import type { Stream } from '@libp2p/interface'
import type { Contact, EndpointId, Handover } from '../../bundles/index.ts'
import type { Clock } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { MAX_BUNDLE_FRAME_BYTES, MAX_BUNDLES_PER_STREAM, MAX_OVERLAY_BUNDLE_BYTES } from '../limits.ts'
import { Asker } from '../streams/index.ts'
import { type BundleAnswer, type BundleRequest, decodeBundleAnswer, encodeBundleRequest } from './codec.ts'

/** How long a peer may take to store a bundle and say so, in milliseconds. */
const ANSWER_MS = 60_000

export interface PeerContactDependencies {
  readonly clock: Clock
  /** The peer's node endpoint, which its certificate proves. */
  readonly peer: EndpointId
  openStream(): Promise<Stream>
}

/** An admitted peer as a neighbour for bundles: one stream, one bundle after the other, a new stream when the old one ends. */
export class PeerContact implements Contact {
  readonly layer = 'overlay'
  readonly authenticated = true
  readonly confirmed = true
  readonly maxBundleBytes = MAX_OVERLAY_BUNDLE_BYTES
  readonly #deps: PeerContactDependencies
  #asker: Asker<BundleRequest, BundleAnswer> | undefined
  #left = 0
  #turn: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(dependencies: PeerContactDependencies) {
    this.#deps = dependencies
  }

  get peer(): EndpointId {
    return this.#deps.peer
  }

  send(bytes: Uint8Array): Promise<Handover> {
    const sent = this.#turn.then(() => this.#send(bytes))
    this.#turn = sent.catch(() => {})
    return sent
  }

  async #send(bytes: Uint8Array): Promise<Handover> {
    const asker = await this.#stream()
    try {
      const answer = await asker.ask({ kind: 'bundle', bytes })
      this.#left -= 1
      return answer.outcome === 'taken' ? { taken: true } : { taken: false, reason: answer.outcome }
    } catch (error) {
      this.#asker = undefined
      if (!OVERLAY_ERRORS.matches(error, 'OVERLAY_STREAM_REFUSED')) throw error
      return { taken: false, reason: error.metadata.reason === 'malformed' ? 'unacceptable' : 'no-resources' }
    }
  }

  async #stream(): Promise<Asker<BundleRequest, BundleAnswer>> {
    if (this.#closed) throw OVERLAY_ERRORS.create('OVERLAY_STREAM_CLOSED')
    if (this.#asker !== undefined && this.#left > 0) return this.#asker
    await this.#asker?.close()
    const { clock, openStream } = this.#deps
    const stream = await openStream()
    this.#left = MAX_BUNDLES_PER_STREAM
    this.#asker = new Asker(
      { answerTimeoutMs: ANSWER_MS, maxFrameBytes: MAX_BUNDLE_FRAME_BYTES },
      { clock, stream, encode: encodeBundleRequest, decode: decodeBundleAnswer },
    )
    return this.#asker
  }

  /** The connection under it stays: it belongs to the overlay. */
  async close(): Promise<void> {
    this.#closed = true
    this.#asker?.abort(OVERLAY_ERRORS.create('OVERLAY_STREAM_CLOSED'))
    await this.#turn
  }
}
