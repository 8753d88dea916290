import type { RevokeReason } from '../../enrollment/crl/index.ts'
import type { MeshSuite } from '../../enrollment/keys/index.ts'
import type { CommandContext } from './context.ts'

/** 0 done, 1 failed, 2 usage, 3 refused by a verification or policy. */
export type ExitCode = 0 | 1 | 2 | 3

/** Carries a command out; an exit code other than 0 without an error is returned, everything else is thrown. */
export type Action<Options> = (options: Options, context: CommandContext) => Promise<ExitCode | undefined>

/** How the keystore in the home is opened: by a key file, else by a passphrase from a file, the environment or a terminal. */
export interface KeystoreOptions {
  readonly passphraseFile?: string
  readonly keyFile?: string
}

export interface CaInitOptions extends KeystoreOptions {
  /** DNS label. */
  readonly mesh: string
  readonly suite: MeshSuite
}

/** Where an operator reaches its CA: both or neither. */
export interface RemoteOptions {
  readonly url?: string
  /** Directory of the operator: chain and keystore. */
  readonly operator?: string
}

/** How a command finds its CA: over HTTPS where a URL is given, else in its home. */
export type CaOptions = KeystoreOptions & RemoteOptions

export interface CaTokenOptions extends CaOptions {
  /** The only node_id the token enrols; any when absent. */
  readonly nodeId?: string
  readonly validForMs: number
  readonly uses?: number
  readonly roles?: readonly ('node' | 'validator')[]
  readonly labels?: readonly string[]
  readonly attestation?: 'none' | 'required'
}

export interface CaListOptions extends KeystoreOptions {
  readonly kind?: 'node' | 'operator' | 'issuing'
  readonly state?: 'live' | 'expired' | 'revoked'
}

export interface CaRevokeOptions extends CaOptions {
  /** Lower-case hexadecimal. */
  readonly serialNumber?: string
  readonly nodeId?: string
  readonly operatorName?: string
  readonly reason?: RevokeReason
  readonly invalidityMs?: number
}

export interface CaPolicySetOptions extends CaOptions {
  /** A whole policy in JSON. */
  readonly file?: string
  /** Single settings, by the names that they have in JSON. */
  readonly changes: Readonly<Record<string, string | number | boolean | readonly string[] | null>>
}

export interface CaOperatorAddOptions extends KeystoreOptions {
  readonly name: string
  /** Directory that is made for the operator, and how its keystore is locked. */
  readonly to: string
  readonly toPassphraseFile?: string
  readonly toKeyFile?: string
  readonly validForMs?: number
}

export interface CaExportOptions extends KeystoreOptions {
  readonly out: string
}

export interface CaAuditListOptions extends KeystoreOptions {
  readonly limit: number
}

export interface CaAuditVerifyOptions extends KeystoreOptions {
  /** An exported audit instead of this CA's. */
  readonly file?: string
}

export interface CaRestoredOptions extends KeystoreOptions {
  /** Files of revocation lists that nodes still have. */
  readonly lists: readonly string[]
}

export interface CaIssuingRequestOptions extends KeystoreOptions {
  readonly suite: MeshSuite
  readonly out: string
}

export interface CaSignOptions extends KeystoreOptions {
  readonly file: string
  readonly out: string
}

export interface CaInstallOptions extends KeystoreOptions {
  readonly file: string
  /** Fingerprint of the mesh's root in hexadecimal. */
  readonly root: string
}

export interface CaServeOptions extends KeystoreOptions {
  /** HOST:PORT. */
  readonly listen: string
  /** URL that nodes are told. */
  readonly publicUrl?: string
}

/** How strictly a bundle is judged. */
export interface BundlePolicyOptions {
  readonly policy: 'strict' | 'relaxed'
}

export interface BundleFileOptions extends BundlePolicyOptions {
  /** A file, hexadecimal digits, or `-` for standard input. */
  readonly input: string
}

export interface BundleEncodeOptions extends BundlePolicyOptions {
  /** JSON as `bundle decode --json` prints it: a file, or `-`. Else the other options say what is encoded. */
  readonly input?: string
  readonly source?: string
  readonly destination?: string
  readonly reportTo?: string
  readonly lifetimeMs?: number
  /** File with the payload, or `-`. */
  readonly payload?: string
  /** Milliseconds since the Unix epoch; 0 for none. Now when absent. */
  readonly createdMs?: number
  readonly sequence?: number
  readonly hopLimit?: number
  /** Names of bundle flags. */
  readonly flags?: readonly string[]
  readonly out?: string
  readonly hex?: boolean
}

export interface CrlFileOptions {
  readonly file: string
}

export interface CrlExportOptions {
  readonly kind: 'full' | 'delta'
  /** Key id in hexadecimal. */
  readonly authority?: string
  readonly format: 'der' | 'pem'
  readonly out: string
}

export interface NodeEnrollOptions extends KeystoreOptions {
  /** URL of the CA. */
  readonly ca: string
  readonly nodeId: string
  /** The token is read from GAPMESH_TOKEN or the terminal when absent. */
  readonly tokenFile?: string
  /** Multiaddrs under which other nodes can dial this one. */
  readonly addresses: readonly string[]
}

/** Who gives a directive; the keystore is the operator's. */
export interface OperatorKeys extends KeystoreOptions {
  /** Directory of the operator: chain and keystore. */
  readonly operator: string
}

export interface DirectiveRevokeOptions extends OperatorKeys {
  readonly nodeId: string
  readonly reason: RevokeReason
}

export interface DirectiveRotateOptions extends OperatorKeys {
  /** All nodes when absent. */
  readonly nodeId?: string
  readonly withinMs: number
}

export interface RunOptions {
  /** From `--config`. */
  readonly configFile?: string
  /** Values of configuration flags by option key, for `loadConfig`. */
  readonly flags: Readonly<Record<string, string | boolean | readonly string[]>>
}

export interface DemoOptions {
  readonly nodes: number
  /** Another EVE or Zeek log than the sample. */
  readonly eve?: string
  /** Directory in which the homes are made and kept; a temporary one when absent. */
  readonly keep?: string
}

/** What the composition root does for the commands that need more than the control socket. */
export interface CliActions {
  readonly caInit: Action<CaInitOptions>
  readonly caStatus: Action<KeystoreOptions>
  readonly caToken: Action<CaTokenOptions>
  readonly caServe: Action<CaServeOptions>
  readonly caList: Action<CaListOptions>
  readonly caRevoke: Action<CaRevokeOptions>
  readonly caPolicyShow: Action<CaOptions>
  readonly caPolicySet: Action<CaPolicySetOptions>
  readonly caOperatorAdd: Action<CaOperatorAddOptions>
  readonly caOperatorRenew: Action<CaOptions>
  readonly caApprove: Action<CaOptions>
  readonly caAuditList: Action<CaAuditListOptions>
  readonly caAuditVerify: Action<CaAuditVerifyOptions>
  readonly caAuditExport: Action<CaExportOptions>
  readonly caExport: Action<CaExportOptions & { readonly format: 'pem' | 'der' }>
  readonly caIssuingRequest: Action<CaIssuingRequestOptions>
  readonly caIssuingSign: Action<CaSignOptions>
  readonly caIssuingInstall: Action<CaInstallOptions>
  readonly caRekey: Action<KeystoreOptions>
  readonly caRestored: Action<CaRestoredOptions>
  readonly crlStatus: Action<KeystoreOptions>
  readonly crlImport: Action<CrlFileOptions & KeystoreOptions>
  readonly crlExport: Action<CrlExportOptions & KeystoreOptions>
  readonly crlShow: Action<CrlFileOptions>
  readonly directiveRevoke: Action<DirectiveRevokeOptions>
  readonly directiveRotate: Action<DirectiveRotateOptions>
  readonly nodeEnroll: Action<NodeEnrollOptions>
  readonly bundleDecode: Action<BundleFileOptions>
  readonly bundleVerify: Action<BundleFileOptions>
  readonly bundleEncode: Action<BundleEncodeOptions>
  readonly run: Action<RunOptions>
  readonly doctor: Action<KeystoreOptions>
  readonly demo: Action<DemoOptions>
}
