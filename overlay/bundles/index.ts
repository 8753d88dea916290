/**
 * Bundles between connected peers: the overlay as one convergence layer among others. In: bundles from peers, for the
 * port. Out: a contact for each peer that may take part.
 */
export { BUNDLES_PROTOCOL, BundleStreams } from './bundle-streams.ts'
