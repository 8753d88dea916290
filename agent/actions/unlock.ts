import { resolve } from 'node:path'
import { type KeystoreUnlock, unlockByKeyFile, unlockByPassphrase } from '../../crypto/store/index.ts'
import type { CommandContext } from '../cli/index.ts'

/** The two ways to open a keystore, from flags or the configuration. */
export interface UnlockOptions {
  readonly passphraseFile?: string | undefined
  /** A file of random bytes instead of a passphrase; made where a new keystore names one that is not there. */
  readonly keyFile?: string | undefined
}

/**
 * How the keystore of this home is opened: by the key file that is named, else by a passphrase.
 * @throws AGENT_CLI_SECRET_*
 */
export async function unlockWith(
  options: UnlockOptions,
  context: CommandContext,
  ask: { readonly prompt: string; readonly create: boolean },
): Promise<KeystoreUnlock> {
  if (options.keyFile !== undefined) {
    return unlockByKeyFile({ path: resolve(context.io.workingDirectory, options.keyFile) })
  }
  return unlockByPassphrase({ passphrase: await context.readSecret({ ...ask, file: options.passphraseFile }) })
}
