import { constants, link, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Replaces (or makes) the file at `path` with `bytes`: temporary file, sync, rename, sync of the directory. A reader
 * sees the old content or the new, also after a power cut. Mode 0600 unless told otherwise.
 */
export async function writeFileAtomically(path: string, bytes: Uint8Array, mode = 0o600): Promise<void> {
  const temporary = `${path}.tmp`
  await throughTemporary({ temporary, bytes, mode }, () => rename(temporary, path))
}

/**
 * Makes the file at `path`, whole or not at all, also after a power cut. A link gives it its name where a rename would do,
 * because a rename silently replaces what somebody else just made. Mode 0600.
 * @param file `temporary` is a path in the same directory that nobody else uses; a crash may leave it behind
 * @returns false when the name is taken; nothing is changed then
 */
export async function createFileAtomically(file: {
  path: string
  temporary: string
  bytes: Uint8Array
}): Promise<boolean> {
  try {
    await throughTemporary({ ...file, mode: 0o600 }, () => link(file.temporary, file.path))
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  }
}

async function throughTemporary(
  { temporary, bytes, mode }: { temporary: string; bytes: Uint8Array; mode: number },
  publish: () => Promise<void>,
): Promise<void> {
  try {
    await writeSynced(temporary, bytes, mode)
    await publish()
  } finally {
    await rm(temporary, { force: true })
  }
  await syncDirectory(dirname(temporary))
}

async function writeSynced(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, mode)
  try {
    await file.chmod(mode)
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/**
 * Makes a directory, and those above it that are missing; mode 0700. Node's own recursive way never ends below /proc, where
 * every name is missing and none can be made.
 * @returns the topmost directory that was made; undefined when all were there
 */
export async function makeDirectory(path: string): Promise<string | undefined> {
  const above = dirname(path)
  try {
    await mkdir(path, { mode: 0o700 })
    return path
  } catch (error) {
    if (!hasCode(error, 'ENOENT') || above === path) return unlessDirectory(path, error)
  }
  const topmost = await makeDirectory(above)
  await mkdir(path, { mode: 0o700 }).catch((error) => unlessDirectory(path, error))
  return topmost ?? path
}

async function unlessDirectory(path: string, error: unknown): Promise<undefined> {
  const found = hasCode(error, 'EEXIST') ? await stat(path) : undefined
  if (found?.isDirectory() !== true) throw error
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

/** Makes the names in `directory` durable: a rename or a new file survives a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
