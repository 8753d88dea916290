import { defineErrors } from '../core/index.ts'

/** Errors of the crypto room. */
export const CRYPTO_ERRORS = defineErrors('crypto', {
  CRYPTO_KEY_MALFORMED: { message: 'the key is not exactly one valid key in its known encoding', action: 'reject' },
  CRYPTO_SUITE_UNKNOWN: { message: 'the signature algorithm is not one that this version knows', action: 'ignore' },
  CRYPTO_POLICY_UNKNOWN: {
    message: 'the signature policy is not one that this version knows',
    hint: 'Known policies: classical-only, hybrid, quantum-only.',
    action: 'ignore',
  },
  CRYPTO_BUSY: {
    message: 'too many cryptographic operations are waiting',
    hint: 'The node receives more than it can verify; the work is offered again later.',
    action: 'ignore',
  },
  CRYPTO_OPERATION_FAILED: { message: 'the cryptographic library failed', action: 'ignore' },
  CRYPTO_KEM_MALFORMED: {
    message: 'the key or ciphertext of the key encapsulation is not valid',
    action: 'reject',
  },
  CRYPTO_SEAL_BROKEN: { message: 'the sealed value does not open: the bytes, the key or the context differ' },
  CRYPTO_SEAL_TOO_LARGE: { message: 'the value is too large to be sealed' },
  CRYPTO_SEAL_EXHAUSTED: {
    message: 'the key has sealed as many values as it safely can',
    hint: 'Replace the key: its random nonces would begin to repeat.',
  },
  CRYPTO_KEYSTORE_MISSING: {
    message: 'the keystore or its key file does not exist',
    hint: 'Check the path, or create the keystore first.',
  },
  CRYPTO_KEYSTORE_EXISTS: {
    message: 'a keystore exists there already',
    hint: 'Open it, or choose another directory; nothing was changed.',
  },
  CRYPTO_KEYSTORE_KEY_EXISTS: {
    message: 'the keystore holds a key of that name already',
    hint: 'Keys are never overwritten: choose another name.',
  },
  CRYPTO_KEYSTORE_KEY_KIND: { message: 'the keystore holds something of another kind under that name' },
  CRYPTO_KEYSTORE_FULL: { message: 'the keystore holds as many keys as it may', hint: 'Remove retired keys.' },
  CRYPTO_KEYSTORE_CLOSED: { message: 'the keystore is closed' },
  CRYPTO_KEYSTORE_WRONG_PASSPHRASE: {
    message: 'the passphrase is not the one of this keystore',
    hint: 'Every home has a keystore of its own. Is the home right, and what --passphrase-file or GAPMESH_PASSPHRASE say?',
  },
  CRYPTO_KEYSTORE_PASSPHRASE_SIZE: { message: 'the passphrase is empty or longer than 1,024 bytes' },
  CRYPTO_KEYSTORE_WRONG_KEY_FILE: {
    message: 'the key file is not the one of this keystore',
    hint: 'Every home has a keystore of its own: give the key file with which it was made.',
  },
  CRYPTO_KEYSTORE_UNLOCK_METHOD: {
    message: 'the keystore is unlocked in another way',
    hint: 'It was made by the other one of: a key file, a passphrase. Give that one.',
  },
  CRYPTO_KEYSTORE_TRUNCATED: {
    message: 'a keystore file is cut short',
    hint: 'Restore the file from a backup.',
  },
  CRYPTO_KEYSTORE_TAMPERED: {
    message: 'a keystore file was altered or damaged',
    hint: 'Restore the file from a backup and find out who could write to it.',
  },
  CRYPTO_KEYSTORE_PERMISSIONS: {
    message: 'others than the owner can reach a keystore file',
    hint: 'Run: chmod 700 on the directory and chmod 600 on the files in it.',
  },
  CRYPTO_KEYSTORE_VERSION: {
    message: 'the keystore was written by a newer gapmesh',
    hint: 'Install that version or a later one; this one will not touch the keys.',
  },
  CRYPTO_KEYSTORE_IO: {
    message: 'a keystore file cannot be read or written',
    hint: 'Look at the owner and permissions of that path, and at the free space of its disk.',
  },
})
