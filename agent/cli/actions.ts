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
}

export interface CaTokenOptions extends KeystoreOptions {
  /** The only node_id the token enrols; any when absent. */
  readonly nodeId?: string
  readonly validForMs: number
}

export interface CaServeOptions extends KeystoreOptions {
  /** HOST:PORT. */
  readonly listen: string
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
  readonly nodeEnroll: Action<NodeEnrollOptions>
  readonly run: Action<RunOptions>
  readonly doctor: Action<KeystoreOptions>
  readonly demo: Action<DemoOptions>
}
