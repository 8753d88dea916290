import type { X509Certificate } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect, type Server, type TLSSocket } from 'node:tls'

/**
 * The server's side of a handshake on a stream that exists already.
 * @param server never listens: it holds the context and what is asked of clients
 * @throws what OpenSSL says, or an error with code ECONNRESET when the stream closes before the handshake ends
 */
export function acceptTls(server: Server, stream: Duplex): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    // The server tells about sockets by events only; a view of it per connection says which socket is which stream.
    const view: Server = Object.create(server, {
      emit: {
        value: (event: string, ...values: unknown[]) => {
          if (event === 'secureConnection') resolve(guarded(values[0] as TLSSocket))
          if (event === 'tlsClientError') reject(values[0])
          return true
        },
      },
    })
    stream.once('close', () => reject(closed()))
    for (const listener of server.listeners('connection')) Reflect.apply(listener, view, [stream])
  })
}

/**
 * The client's side of a handshake. It judges no certificate: the caller does, by {@link shownCertificates}.
 * Ends before the server has judged the client's.
 * @throws what OpenSSL says, or an error with code ECONNRESET when the stream closes before the handshake ends
 */
export function connectTls(
  stream: Duplex,
  options: Pick<ConnectionOptions, 'secureContext' | 'ALPNProtocols'>,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = guarded(
      connect({ ...options, socket: stream, rejectUnauthorized: false, checkServerIdentity: () => undefined }),
    )
    socket.once('secureConnect', () => resolve(socket))
    socket.once('error', reject)
    socket.once('close', () => reject(closed()))
  })
}

/** The certificates that the other side has shown, leaf first, whose key it has proven to hold. May be without end. */
export function* shownCertificates(socket: TLSSocket): Iterable<X509Certificate> {
  for (let next = socket.getPeerX509Certificate(); next !== undefined; next = next.issuerCertificate) yield next
}

/** A socket whose errors are seen through its end, so that none is left without a listener. */
function guarded(socket: TLSSocket): TLSSocket {
  return socket.on('error', () => undefined)
}

function closed(): Error {
  return Object.assign(new Error('the stream closed during the handshake'), { code: 'ECONNRESET' })
}
