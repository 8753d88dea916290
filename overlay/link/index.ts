/**
 * The link between two nodes over TCP: `/dadm-mesh/1`, post-quantum mutual TLS 1.3 and admission.
 *
 * A raw connection comes in from libp2p's upgrader; what leaves is a decrypted stream and the PeerId that the peer's
 * certificate proves, or an error whose code the other side is told as far as the protocol still lets it. TLS proves
 * possession of the certificate's key, the {@link PeerGate} decides on the certificate, the admission frames bind both
 * identities to this one TLS connection. Every outcome goes to the sink as well, because libp2p keeps nothing of an
 * encrypter's error but its message; {@link linkFailure} reads the code back from there.
 *
 * On narrow links, libp2p's own limits come first: `connectionManager.inboundUpgradeTimeout` (10 s) and
 * `addressDialTimeout` (6 s) must not be shorter than `handshakeTimeoutMs`.
 */
export { type LinkFailure, linkFailure } from './link-error.ts'
export { MeshTls } from './mesh-tls.ts'
export type { MeshTlsDependencies, MeshTlsOptions } from './options.ts'
export { LINK_PROTOCOL } from './statement.ts'
export { LINK_ALPN, LINK_CIPHER, LINK_PROFILES, type LinkCredentials, type LinkLevel } from './tls-endpoint.ts'
