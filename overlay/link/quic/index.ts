/**
 * The link between two nodes over QUIC, link class `classical`, for meshes whose operators turn it on.
 *
 * libp2p asks no connection encrypter about QUIC and starts to take streams before its upgraded-connection gate is asked,
 * so admission runs one gate earlier, when the connection is encrypted and not multiplexed: the frames of
 * `../admission.ts`, the certificates first, on the first stream of the raw connection. What else the peer opens waits in
 * QUIC's own windows until the muxer exists.
 */
export { MeshQuic, QUIC_PROTOCOL } from './mesh-quic.ts'
export type { QuicComponents } from './quic-transport.ts'
