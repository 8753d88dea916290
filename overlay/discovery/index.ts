/**
 * Finding peers and keeping them: configured addresses, peers that were lost, multicast DNS on the LAN and what connected
 * peers tell over the DHT go in; dials, with exponential backoff, come out. Who may stay is decided by the link, not here.
 */
export { loadDht } from './dht.ts'
export { Discovery } from './discovery.ts'
export { mdnsServiceTag } from './mdns.ts'
