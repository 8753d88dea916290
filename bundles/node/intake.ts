import { isGapmeshError } from '../../core/index.ts'
import { BUNDLE_FLAGS, type Bundle, decodeBundle, type EndpointId, hasFlag, isGroup, nodeOf } from '../codec/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'
import type { Contact, Handover, RefusalReason } from '../links/types.ts'
import type { BundleQueue, Constraint } from '../store/index.ts'
import { handlingOf, routedHops } from './facts.ts'
import type { BundleNodeOptions } from './types.ts'

/** What a refusal by the queue is to the neighbour: it may try again, or never. */
const LATER: readonly string[] = [
  'BUNDLES_QUEUE_FULL',
  'BUNDLES_PEER_QUOTA',
  'BUNDLES_DISK_FULL',
  'BUNDLES_BUSY',
  'BUNDLES_CLOSED',
]

/** Takes bundles from neighbours into the queue: decodes, decides why they are kept, and says what became of them. */
export class Intake {
  readonly #options: BundleNodeOptions
  readonly #queue: BundleQueue

  constructor(options: BundleNodeOptions, { queue }: { queue: BundleQueue }) {
    this.#options = options
    this.#queue = queue
  }

  /** Never throws: what goes wrong here is not the neighbour's to know. */
  async take(bytes: Uint8Array, from: Pick<Contact, 'peer'>): Promise<Handover> {
    try {
      const bundle = decodeBundle(bytes, { relaxed: this.#options.relaxed ?? false })
      if (isSpent(bundle)) return refused('unacceptable')
      const { priority, copies } = handlingOf(bundle)
      const constraints = this.constraintsOf(bundle)
      const { status, id } = await this.#queue.accept(bytes, { priority, copies, constraints, peer: from.peer })
      if (status === 'accepted') return { taken: true }
      // That the peer has it is worth knowing; that it could not be written down is not worth failing for.
      await this.#queue.update(id, { givenTo: from.peer }).catch(() => false)
      return refused('duplicate')
    } catch (error) {
      return refused(
        isGapmeshError(error) && BUNDLES_ERRORS.matches(error) && !LATER.includes(error.code)
          ? 'unacceptable'
          : 'no-resources',
      )
    }
  }

  /** Why this node keeps a bundle (RFC 9171 §5.3 to §5.7). */
  constraintsOf({ primary }: Pick<Bundle, 'primary'>): Constraint[] {
    const { destination } = primary
    if (isGroup(destination)) return this.#isMember(destination) ? ['forward', 'deliver'] : ['forward']
    if (nodeOf(destination) !== nodeOf(this.#options.self)) return ['forward']
    return hasFlag(primary.flags, BUNDLE_FLAGS.isFragment) ? ['reassemble'] : ['deliver']
  }

  #isMember(group: EndpointId): boolean {
    return this.#options.groups?.includes(group) ?? false
  }
}

/** It has gone more hops than it may (RFC 9171 §4.4.3). */
function isSpent(bundle: Bundle): boolean {
  const hops = routedHops(bundle)
  return hops !== undefined && hops.count > hops.limit
}

function refused(reason: RefusalReason): Handover {
  return { taken: false, reason }
}
