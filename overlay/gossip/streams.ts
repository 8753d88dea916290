import type { Connection, Stream } from '@libp2p/interface'

const PROTOCOL_PREFIX = '/meshsub/'

/** The open stream on which gossip goes out, if there is one. */
export function outboundGossipStream(connections: readonly Connection[]): Stream | undefined {
  return gossipStream(connections, 'outbound')
}

/**
 * True when gossip flows both ways on some connection. Neither gossipsub's peer list nor its stream maps say so: they
 * keep streams whose other end has gone.
 */
export function gossipFlows(connections: readonly Connection[]): boolean {
  return (['outbound', 'inbound'] as const).every((direction) => gossipStream(connections, direction) !== undefined)
}

/**
 * Resets every gossip stream, half-closed ones included. Both sides' gossipsub forget a stream only when it is closed
 * altogether, and open no new one before that.
 */
export function resetGossipStreams(connections: readonly Connection[]): void {
  for (const stream of connections.flatMap((connection) => connection.streams)) {
    if (stream.protocol.startsWith(PROTOCOL_PREFIX)) stream.abort(new Error('gossip begins anew'))
  }
}

function gossipStream(connections: readonly Connection[], direction: 'inbound' | 'outbound'): Stream | undefined {
  for (const connection of connections) {
    for (const stream of connection.streams) {
      if (stream.direction === direction && isAlive(stream)) return stream
    }
  }
  return undefined
}

/** A gossip stream is half used, but neither side closes the other half while it is in use. */
function isAlive(stream: Stream): boolean {
  return (
    stream.protocol.startsWith(PROTOCOL_PREFIX) &&
    stream.status === 'open' &&
    stream.remoteWriteStatus !== 'closed' &&
    stream.writeStatus === 'writable'
  )
}
