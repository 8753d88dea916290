/**
 * Finding peers and keeping them: configured addresses, peers that were lost, and multicast DNS on the LAN go in; dials,
 * with exponential backoff, come out. Who may stay is decided by the link, not here.
 */
export { Discovery } from './discovery.ts'
export { mdnsServiceTag } from './mdns.ts'
