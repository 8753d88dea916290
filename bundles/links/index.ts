/**
 * How bundles reach a neighbour: convergence layers behind one interface.
 *
 * In: whole bundles as bytes to send. Out: contacts that open and close, whole bundles that came. Nothing here looks
 * into a bundle, keeps one, or knows where it is to go.
 */
export type { DirectoryDependencies } from './directory/inbox.ts'
export { type DirectoryOptions, startDirectories } from './directory/layer.ts'
export type { FramedDependencies } from './framed/inbound.ts'
export { startMtcp, startStcp } from './framed/layer.ts'
export type { FramedOptions } from './framed/options.ts'
export { startTcpcl, type TcpclDependencies, type TcpclLayer, type TcpclOptions } from './tcpclv4/layer.ts'
export type { SessionOptions, TlsPolicy } from './tcpclv4/options.ts'
export type { LinkSecurity } from './tcpclv4/tls.ts'
export type { Contact, ConvergenceLayer, Handover, LinkEvents, RefusalReason } from './types.ts'
