import { constants, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Replaces (or makes) the file at `path` with `bytes`: temporary file, sync, rename, sync of the directory. A reader
 * sees the old content or the new, also after a power cut. Mode 0600 unless told otherwise.
 */
export async function writeFileAtomically(path: string, bytes: Uint8Array, mode = 0o600): Promise<void> {
  const temporary = `${path}.tmp`
  try {
    await writeSynced(temporary, bytes, mode)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncDirectory(dirname(path))
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

/** Makes the names in `directory` durable: a rename or a new file survives a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
