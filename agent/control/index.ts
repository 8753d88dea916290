/**
 * How commands talk to the running agent: a Unix socket in its home, open to its user alone.
 *
 * In: one request a connection, checked against {@link ControlMethods}. Out: a result, a stream of items, or an error
 * with code, message and hint. The composition root hands {@link serveControl} its handlers; commands use
 * {@link ControlClient}.
 */
export { ControlClient, type ControlClientOptions } from './client.ts'
export type {
  AnomalyView,
  CaSummary,
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
export {
  type ControlHandlers,
  type ControlServer,
  type ControlServerDependencies,
  type ControlServerOptions,
  isServed,
  serveControl,
} from './server.ts'
export { controlSocketPath } from './socket-path.ts'
export { isRefusal } from './wire.ts'
