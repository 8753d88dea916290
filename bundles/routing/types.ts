import type { EndpointId, HopCount } from '../codec/index.ts'
import type { Priority } from '../codec/priority.ts'

/** What a strategy sees of a bundle. */
export interface RoutedBundle {
  readonly source: EndpointId
  readonly destination: EndpointId
  readonly priority: Priority
  /** Copies that may be handed out, the own one included; 0: as many as one likes. */
  readonly copies: number
  /** Undefined where nobody counts. */
  readonly hops: HopCount | undefined
  /** Node that it came from; undefined when it was made here. */
  readonly from: EndpointId | undefined
  readonly sizeBytes: number
}

/** What a strategy sees of a neighbour. */
export interface RoutedContact {
  /** Node endpoint. */
  readonly peer: EndpointId
  /** Longest bundle that it takes, in bytes. */
  readonly maxBundleBytes: number
  /** False where nobody says that a bundle has arrived: the own copy is kept whatever the strategy says. */
  readonly confirmed: boolean
}

/** What else a decision depends on. */
export interface RoutingState {
  /** This node's endpoint. */
  readonly self: EndpointId
  /** Whether the peer is known to have the bundle. */
  readonly hasSeen: boolean
}

/** Why a bundle is not handed to a neighbour. */
export type HoldReason =
  /** The neighbour has it, or it came from there. */
  | 'seen'
  /** One hop more and it would be over its limit. */
  | 'hops'
  | 'too-large'
  /** The strategy knows no way over this neighbour. */
  | 'no-route'
  /** The last copy goes to its destination only. */
  | 'last-copy'

/** `copies`: those that the neighbour may hand out; `left`: those that remain here, none: the bundle need not be kept. */
export type Decision =
  | { readonly send: true; readonly copies: number; readonly left: number | 'none' }
  | { readonly send: false; readonly why: HoldReason }

/**
 * Decides which neighbour gets which bundle: a function of what it is given. Conditions that hold for every strategy
 * (`decide` in decide.ts) have been met before it is asked.
 */
export interface RoutingStrategy {
  readonly name: string
  /** One sentence for an operator: what would move a bundle that waits. */
  readonly explanation: string
  /** Copies that a new bundle begins with; 0: as many as one likes. */
  readonly initialCopies: number
  decide(bundle: RoutedBundle, contact: RoutedContact, state: RoutingState): Decision
}
