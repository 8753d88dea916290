import { constants } from 'node:fs'
import { type FileHandle, lstat, open, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type RandomSource, toHex } from '../../core/index.ts'
import { createFileAtomically, makeDirectory, syncDirectory, writeFileAtomically } from '../../core/store/index.ts'
import { CRYPTO_ERRORS } from '../errors.ts'
import { MAX_KEYSTORE_FILE_BYTES } from '../limits.ts'

/** Mode bits of everybody but the owner. */
const OTHERS = 0o077

/**
 * Makes a directory that only its owner can enter; one that exists must be such a directory.
 * @throws CRYPTO_KEYSTORE_PERMISSIONS, CRYPTO_KEYSTORE_IO
 */
export async function makePrivateDirectory(path: string): Promise<void> {
  await guarded(path, async () => {
    const made = await makeDirectory(path)
    if (made !== undefined) await syncDirectory(dirname(made))
  })
  await checkPrivateDirectory(path)
}

/**
 * Checks that nobody but the owner can enter a directory.
 * @throws CRYPTO_KEYSTORE_MISSING, CRYPTO_KEYSTORE_PERMISSIONS, CRYPTO_KEYSTORE_IO
 */
export async function checkPrivateDirectory(path: string): Promise<void> {
  const found = await guarded(path, () => lstat(path))
  if (!found.isDirectory()) throw io(path)
  checkMode(path, found.mode)
}

/**
 * The bytes of a private file; undefined when there is none. A mode that lets others in is refused, as ssh does:
 * a warning would be read by nobody, and the secret may be out already.
 * @throws CRYPTO_KEYSTORE_PERMISSIONS, CRYPTO_KEYSTORE_TAMPERED (larger than any keystore file), CRYPTO_KEYSTORE_IO
 */
export async function readPrivateFile(path: string): Promise<Uint8Array | undefined> {
  const handle = await openExisting(path)
  if (handle === undefined) return undefined
  return guarded(path, async () => {
    try {
      const found = await handle.stat()
      if (!found.isFile()) throw io(path)
      checkMode(path, found.mode)
      if (found.size > MAX_KEYSTORE_FILE_BYTES) {
        throw CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_TAMPERED', { metadata: { path, bytes: found.size } })
      }
      return new Uint8Array(await handle.readFile())
    } finally {
      await handle.close()
    }
  })
}

async function openExisting(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined
    throw io(path, cause)
  }
}

export interface NewFile {
  path: string
  bytes: Uint8Array
  /** For the name of the temporary file, which a crash may leave behind. */
  random: RandomSource
}

/**
 * Writes a new private file so that it is there whole or not at all, also after a power cut.
 * @returns false when the name is taken; nothing is changed then
 * @throws CRYPTO_KEYSTORE_IO
 */
export async function writeNewFile({ path, bytes, random }: NewFile): Promise<boolean> {
  const temporary = `${path}.${toHex(random.bytes(8))}.tmp`
  return guarded(path, () => createFileAtomically({ path, temporary, bytes }))
}

/**
 * Writes a private file in the place of the one of that name: a crash leaves the old content or the new.
 * @throws CRYPTO_KEYSTORE_IO
 */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  await guarded(path, () => writeFileAtomically(path, bytes))
}

/**
 * Deletes a file for good, and what a crash left of writing it.
 * @returns false when there was none
 * @throws CRYPTO_KEYSTORE_IO
 */
export async function removeFile(path: string): Promise<boolean> {
  return guarded(path, async () => {
    const directory = dirname(path)
    const files = await readdir(directory)
    const name = basename(path)
    const unwanted = files.filter((file) => file === name || (file.startsWith(`${name}.`) && file.endsWith('.tmp')))
    for (const file of unwanted) await rm(join(directory, file), { force: true })
    await syncDirectory(directory)
    return unwanted.includes(name)
  })
}

/**
 * Names in a directory, sorted.
 * @throws CRYPTO_KEYSTORE_MISSING, CRYPTO_KEYSTORE_IO
 */
export async function listFiles(path: string): Promise<string[]> {
  return (await guarded(path, () => readdir(path))).sort()
}

/** Runs `work` on the bytes of a file and adds which file it was to what it throws. */
export function namingFile<Value>(path: string, work: () => Value): Value {
  try {
    return work()
  } catch (cause) {
    if (!CRYPTO_ERRORS.matches(cause)) throw cause
    const code = cause.code as keyof typeof CRYPTO_ERRORS.specs
    throw CRYPTO_ERRORS.create(code, { cause, detail: path, metadata: { ...cause.metadata, path } })
  }
}

function checkMode(path: string, mode: number): void {
  if ((mode & OTHERS) === 0) return
  throw CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_PERMISSIONS', {
    detail: path,
    metadata: { path, mode: (mode & 0o777).toString(8) },
  })
}

/** Runs file operations; what the system refuses becomes a catalogued error. */
async function guarded<Value>(path: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work()
  } catch (cause) {
    if (CRYPTO_ERRORS.matches(cause)) throw cause
    if (hasCode(cause, 'ENOENT')) {
      throw CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_MISSING', { cause, detail: path, metadata: { path } })
    }
    throw io(path, cause)
  }
}

function io(path: string, cause?: unknown): Error {
  return CRYPTO_ERRORS.create('CRYPTO_KEYSTORE_IO', { cause, detail: path, metadata: { path } })
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
