import { isGroup, nodeOf } from '../codec/index.ts'
import type { Decision, RoutedBundle, RoutedContact, RoutingStrategy } from './types.ts'

/** To the destination itself, or not at all; a group's bundle from its source to whoever it meets. */
export function direct(): RoutingStrategy {
  return {
    name: 'direct',
    explanation: 'It waits until this node meets its destination.',
    initialCopies: 0,
    decide: (bundle, contact) => {
      if (isDestination(bundle, contact)) return arrived(bundle)
      const isOwnToGroup = isGroup(bundle.destination) && bundle.from === undefined
      return isOwnToGroup ? { send: true, copies: 0, left: 0 } : { send: false, why: 'no-route' }
    },
  }
}

/** To every node that has not seen it: the fastest way, and the one that costs most. */
export function epidemic(): RoutingStrategy {
  return {
    name: 'epidemic',
    explanation: 'It goes to every node that has not seen it, as soon as one is met.',
    initialCopies: 0,
    decide: (bundle, contact) =>
      isDestination(bundle, contact) ? arrived(bundle) : { send: true, copies: 0, left: 0 },
  }
}

export interface SprayAndWaitOptions {
  /** Copies that a new bundle begins with, at least 2. Default 8. */
  readonly copies?: number
}

/**
 * Binary spray and wait (Spyropoulos et al., WDTN 2005): every holder hands half of its copies to the next node that has
 * none; the last one waits for the destination. Groups are everybody's destination, so their bundles go to everyone.
 */
export function sprayAndWait({ copies = 8 }: SprayAndWaitOptions = {}): RoutingStrategy {
  return {
    name: 'spray-and-wait',
    explanation: 'Half of its copies go to each node that has none; the last one waits for its destination.',
    initialCopies: copies,
    decide: (bundle, contact) => {
      if (isDestination(bundle, contact)) return arrived(bundle)
      if (isGroup(bundle.destination)) return { send: true, copies: 0, left: 0 }
      // A bundle without a count came from a node of another kind: this is the only copy that is ours to give.
      const held = Math.max(1, bundle.copies)
      if (held === 1) return { send: false, why: 'last-copy' }
      const given = Math.floor(held / 2)
      return { send: true, copies: given, left: held - given }
    },
  }
}

/** One line of a routing table. */
export interface StaticRoute {
  /** Node endpoint of the destination, or `*` for every other one. */
  readonly to: string
  /** Node endpoint of the neighbour over which it is reached. */
  readonly via: string
}

/** By a table: to the destination when it is met, else to the neighbour that the table names. A group's bundle goes to all. */
export function staticRoutes(routes: readonly StaticRoute[]): RoutingStrategy {
  const table = new Map(routes.map(({ to, via }) => [to, via]))
  return {
    name: 'static',
    explanation: 'It waits for the neighbour that the routing table names for its destination.',
    initialCopies: 0,
    decide: (bundle, contact) => {
      if (isDestination(bundle, contact)) return arrived(bundle)
      if (isGroup(bundle.destination)) return { send: true, copies: 0, left: 0 }
      const via = table.get(nodeOf(bundle.destination)) ?? table.get('*')
      return via === contact.peer ? { send: true, copies: 0, left: 'none' } : { send: false, why: 'no-route' }
    },
  }
}

function isDestination({ destination }: RoutedBundle, { peer }: RoutedContact): boolean {
  return !isGroup(destination) && nodeOf(destination) === peer
}

/** There is nobody else to bring it to. */
function arrived({ copies }: RoutedBundle): Decision {
  return { send: true, copies: Math.max(1, copies), left: 'none' }
}
