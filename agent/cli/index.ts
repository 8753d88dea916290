/**
 * The command line: `gapmesh <noun> <verb>`.
 *
 * In: arguments, and the composition root's {@link CliActions}, imported only when a command needs them. Out: results on
 * standard output (text, or JSON with `--json`), remarks and errors on standard error, an exit code: 0 done, 1 failed,
 * 2 usage, 3 refused. A failure is one line that says what failed and one hint; with `--json` it is one line
 * `{"error": {"code", "message", "hint"}}`, still on standard error, so that standard output holds results only.
 */
export type {
  Action,
  BundleEncodeOptions,
  BundleFileOptions,
  CaAuditListOptions,
  CaAuditVerifyOptions,
  CaExportOptions,
  CaInitOptions,
  CaInstallOptions,
  CaIssuingRequestOptions,
  CaListOptions,
  CaOperatorAddOptions,
  CaOptions,
  CaPolicySetOptions,
  CaRestoredOptions,
  CaRevokeOptions,
  CaServeOptions,
  CaSignOptions,
  CaTokenOptions,
  CliActions,
  CrlExportOptions,
  CrlFileOptions,
  DemoOptions,
  DirectiveRevokeOptions,
  DirectiveRotateOptions,
  ExitCode,
  KeystoreOptions,
  NodeEnrollOptions,
  OperatorKeys,
  RemoteOptions,
  RunOptions,
} from './actions.ts'
export { clientOf } from './client.ts'
export { type CommandContext, type CommonOptions, resolveHome } from './context.ts'
export { type CliIo, processIo } from './io.ts'
export { type CliDependencies, runCli } from './program.ts'
export type { Progress } from './progress.ts'
export type { SecretRequest } from './secret.ts'
export { pairs, plain, severityText, shortId, table, timeText } from './text.ts'
