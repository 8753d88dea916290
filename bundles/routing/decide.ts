import type { Decision, RoutedBundle, RoutedContact, RoutingState, RoutingStrategy } from './types.ts'

/**
 * Whether a neighbour gets a bundle: what holds under every strategy first, then what this one says. A copy handed over
 * without a confirmation is none: nothing is given away by it.
 */
export function decide(
  strategy: RoutingStrategy,
  { bundle, contact, state }: { bundle: RoutedBundle; contact: RoutedContact; state: RoutingState },
): Decision {
  if (state.hasSeen || bundle.from === contact.peer) return { send: false, why: 'seen' }
  if (bundle.hops !== undefined && bundle.hops.count >= bundle.hops.limit) return { send: false, why: 'hops' }
  if (bundle.sizeBytes > contact.maxBundleBytes) return { send: false, why: 'too-large' }
  const decision = strategy.decide(bundle, contact, state)
  return decision.send && !contact.confirmed ? { ...decision, left: bundle.copies } : decision
}
