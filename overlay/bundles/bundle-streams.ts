import type { Stream } from '@libp2p/interface'
import type { Handover } from '../../bundles/index.ts'
import type { Clock, Logger } from '../../core/index.ts'
import { MAX_BUNDLE_FRAME_BYTES, MAX_BUNDLES_PER_STREAM } from '../limits.ts'
import type { BundlePort } from '../ports.ts'
import { Answerer, type BudgetOptions } from '../streams/index.ts'
import type { Capabilities } from '../verdicts.ts'
import { type BundleAnswer, type BundleRequest, decodeBundleRequest, encodeBundleAnswer } from './codec.ts'
import { PeerContact } from './peer-contact.ts'

/** The protocol by which admitted peers hand bundles to each other. */
export const BUNDLES_PROTOCOL = '/dadm-mesh/bundles/1'

export interface BundleStreamsDependencies {
  readonly clock: Clock
  readonly logger: Logger
  readonly bundles: BundlePort
  /** Opens a stream of {@link BUNDLES_PROTOCOL} on an open connection; rejects when there is none. */
  openStream(peerKey: string): Promise<Stream>
  /** node_id of a connected peer. */
  nodeIdOf(peerKey: string): string | undefined
  /** What a connected peer may take part in. */
  capabilitiesOf(peerKey: string): Capabilities | undefined
}

const IDLE_TIMEOUT_MS = 300_000

/** What one peer may hand over: the bytes are charged by the queue's quota; this bounds how fast they come. */
const BUDGET: BudgetOptions = { burstBytes: 256 * 1024 * 1024, bytesPerSecond: 64 * 1024 * 1024 }

/**
 * The overlay as a convergence layer: every connected peer is a contact, as long as it may take part. It proves its node
 * endpoint by the certificate of the link.
 */
export class BundleStreams {
  readonly #deps: BundleStreamsDependencies
  readonly #contacts = new Map<string, PeerContact>()
  readonly #answerer: Answerer<BundleRequest, Exclude<BundleAnswer, { kind: 'refusal' }>>

  constructor(dependencies: BundleStreamsDependencies) {
    const { clock, logger } = dependencies
    this.#deps = dependencies
    this.#answerer = new Answerer(
      {
        maxFrameBytes: MAX_BUNDLE_FRAME_BYTES,
        maxRequests: MAX_BUNDLES_PER_STREAM,
        budget: BUDGET,
        idleTimeoutMs: IDLE_TIMEOUT_MS,
      },
      {
        ...{ clock, logger, decode: decodeBundleRequest, encode: encodeBundleAnswer },
        answer: (request, key) => this.#answer(request, key),
      },
    )
  }

  /** Begins anew with a peer: what it may do may have changed. */
  connected(peerKey: string): void {
    this.disconnected(peerKey)
    const { clock, bundles, nodeIdOf, capabilitiesOf, openStream } = this.#deps
    const nodeId = nodeIdOf(peerKey)
    if (nodeId === undefined || capabilitiesOf(peerKey)?.receive !== true) return
    const peer = bundles.endpointOf(nodeId)
    const contact = new PeerContact({ clock, peer, openStream: () => openStream(peerKey) })
    this.#contacts.set(peerKey, contact)
    bundles.opened(contact)
  }

  disconnected(peerKey: string): void {
    const contact = this.#contacts.get(peerKey)
    if (contact === undefined) return
    this.#contacts.delete(peerKey)
    this.#deps.bundles.closed(contact)
    void contact.close()
  }

  expelled(peerKey: string): void {
    this.disconnected(peerKey)
  }

  /** Takes bundles on a stream that a peer opened. */
  serve(stream: Stream, peerKey: string): Promise<void> {
    return this.#answerer.serve(stream, peerKey)
  }

  stop(): void {
    for (const key of [...this.#contacts.keys()]) this.disconnected(key)
    this.#answerer.stop()
  }

  async #answer({ bytes }: BundleRequest, peerKey: string) {
    return {
      answer: { kind: 'bundle', outcome: outcomeOf(await this.#receive(bytes, peerKey)) } as const,
      costBytes: bytes.length,
    }
  }

  async #receive(bytes: Uint8Array, peerKey: string): Promise<Handover> {
    const contact = this.#contacts.get(peerKey)
    const mayForward = this.#deps.capabilitiesOf(peerKey)?.forward === true
    if (contact === undefined || !mayForward) return { taken: false, reason: 'no-resources' }
    return this.#deps.bundles.received(bytes, contact)
  }
}

function outcomeOf(handover: Handover) {
  return handover.taken ? 'taken' : handover.reason
}
