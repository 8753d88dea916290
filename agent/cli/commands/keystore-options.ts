import type { Command } from 'commander'
import type { KeystoreOptions } from '../actions.ts'

/** Adds the options that say how the keystore in the home is opened, or locked when it is made. */
export function withKeystoreOptions(command: Command): Command {
  return command
    .option('--passphrase-file <file>', 'passphrase of the keystore (else GAPMESH_PASSPHRASE, else the terminal asks)')
    .option('--key-file <file>', 'random key that opens the keystore instead of a passphrase')
}

/** The values of {@link withKeystoreOptions}. */
export function keystoreOptions(command: Command): KeystoreOptions {
  const { passphraseFile, keyFile } = command.opts<KeystoreOptions>()
  return { ...(passphraseFile !== undefined && { passphraseFile }), ...(keyFile !== undefined && { keyFile }) }
}
