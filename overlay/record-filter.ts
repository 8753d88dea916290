import { decodeRecord } from '../records/index.ts'
import type { Sender } from './ports.ts'
import type { Capabilities } from './verdicts.ts'

/** What the connected peers may do, by node_id. */
export interface Restrictions {
  /** True while some connected peer may not do everything. */
  readonly hasRestricted: boolean
  /** True unless the node is connected and may not. */
  may(nodeId: string, capability: keyof Capabilities): boolean
}

/**
 * Whose records are taken from whom, by the capabilities of the connected peers. What is not taken is nobody's fault: who
 * forwards it may see its origin in another light.
 */
export class RecordFilter {
  readonly #restrictions: Restrictions

  constructor(dependencies: { readonly restrictions: Restrictions }) {
    this.#restrictions = dependencies.restrictions
  }

  /** True for a record that may be judged; one that cannot be read may, and fails there. */
  allows(record: Uint8Array, from: Sender): boolean {
    const content = this.#restrictions.hasRestricted ? contentOf(record) : undefined
    // The origin of a directive is an operator, whose label may be that of a node.
    if (content === undefined || content.type === 'directive') return true
    if (!this.#restrictions.may(content.origin, 'publish')) return false
    return content.origin === from.nodeId || this.#restrictions.may(from.nodeId, 'forward')
  }
}

function contentOf(record: Uint8Array): Pick<ReturnType<typeof decodeRecord>, 'origin' | 'type'> | undefined {
  try {
    return decodeRecord(record)
  } catch {
    return undefined
  }
}
