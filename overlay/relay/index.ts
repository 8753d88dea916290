/**
 * Connections between nodes that cannot reach each other, through a third one that both are connected with
 * (circuit-relay-v2), and their replacement by direct ones where there is a way (DCUtR).
 *
 * A relayed connection is upgraded like any other: the link runs from end to end inside of it, so that both ends admit
 * each other and the relay passes on bytes that it can neither read nor change. Each part is loaded when it is turned on.
 */
export { loadDirectUpgrade } from './direct.ts'
export { loadRelayServer } from './server.ts'
export { loadRelayTransport, RELAY_LISTEN_ADDRESSES } from './transport.ts'
