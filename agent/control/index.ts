/**
 * How commands talk to the running agent: a Unix socket in its home, open to its user alone.
 *
 * In: one request a connection, checked against {@link ControlMethods}. Out: a result, a stream of items, or an error
 * with code, message and hint. The composition root hands {@link serveControl} its handlers; commands use
 * {@link ControlClient}.
 */
export type {
  BundleExplanation,
  BundleSendParams,
  BundleStatus,
  BundleSummary,
  ReceivedBundle,
} from './bundle-messages.ts'
export type {
  AuditView,
  CaSummary,
  IssuedFilter,
  IssuedView,
  ListParams,
  ListsStatus,
  ListView,
  PolicyView,
  RevokeParams,
  TokenParams,
} from './ca-messages.ts'
export { ControlClient, type ControlClientOptions } from './client.ts'
export type {
  AnomalyView,
  ControlMethods,
  ControlStreams,
  InputStatus,
  LedgerCheck,
  MethodName,
  NodeSummary,
  PublishParams,
  PublishResult,
  RecordDetail,
  RecordFilter,
  RecordInventory,
  RecordSummary,
  StatusResult,
  StreamName,
} from './messages.ts'
export { badParameter } from './params.ts'
export {
  type ControlHandlers,
  type ControlServer,
  type ControlServerDependencies,
  type ControlServerOptions,
  isServed,
  serveControl,
} from './server.ts'
export { controlSocketPath } from './socket-path.ts'
export type { CertificateView, GraceView, TrustStatus, VerdictView } from './trust-messages.ts'
export { isRefusal } from './wire.ts'
