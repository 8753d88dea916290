import type { StreamMuxerFactory } from '@libp2p/interface'

/** A stream of a QUIC connection, as the library's native part has it. */
export interface RawStream {
  /** The next bytes, at most `maxBytes`; null at the end. */
  read(maxBytes: number): Promise<Uint8Array | null | undefined>
  write(bytes: Uint8Array): Promise<void>
  finishWrite(): Promise<void>
  resetWrite(): Promise<void>
  stopRead(): Promise<void>
}

/** A QUIC connection, as the library's native part has it. Streams that nobody has accepted wait inside it. */
export interface RawConnection {
  inboundStream(): Promise<RawStream>
  outboundStream(): Promise<RawStream>
}

/**
 * The connection behind a muxer that is not made yet.
 * @throws {TypeError} when the library has changed: a connection that cannot be admitted must not open
 */
export function rawConnectionOf(factory: StreamMuxerFactory | undefined): RawConnection {
  const { connection } = (factory as { init?: { connection?: Partial<RawConnection> } } | undefined)?.init ?? {}
  if (typeof connection?.inboundStream !== 'function' || typeof connection.outboundStream !== 'function') {
    throw new TypeError('the QUIC library does not hand over its connection')
  }
  return connection as RawConnection
}
