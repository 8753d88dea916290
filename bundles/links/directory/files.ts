import type { BigIntStats } from 'node:fs'
import { constants } from 'node:fs'
import { mkdir, open, opendir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { toHex } from '../../../core/index.ts'
import { syncDirectory, writeFileAtomically } from '../../../core/store/index.ts'
import { sha256 } from '../../../crypto/index.ts'
import { MAX_DIRECTORY_BATCH, MAX_DIRECTORY_NAMES } from '../../limits.ts'

/** How the name of a bundle's file ends; whatever is named otherwise is not looked at. */
export const BUNDLE_SUFFIX = '.bundle'

/** Where files go that nobody takes, below the inbox. */
export const REFUSED = 'refused'

/** A file as it was when looked at: while it is the same twice, nobody is writing to it. */
export interface SeenFile {
  readonly name: string
  readonly bytes: number
  /** Changes when the file does. */
  readonly state: string
}

/**
 * Writes a bundle into `directory`, whole or not at all. Named by its hash: written twice, it is there once.
 * @returns the name
 */
export async function writeBundleFile(directory: string, bytes: Uint8Array): Promise<string> {
  const name = `${toHex(sha256(bytes))}${BUNDLE_SUFFIX}`
  await writeFileAtomically(join(directory, name), bytes)
  return name
}

/** The first bundle files of `directory`, at most MAX_DIRECTORY_BATCH of MAX_DIRECTORY_NAMES names, in order of name. */
export async function listBundleFiles(directory: string): Promise<SeenFile[]> {
  const names: string[] = []
  let read = 0
  for await (const entry of await opendir(directory)) {
    read += 1
    if (entry.isFile() && entry.name.endsWith(BUNDLE_SUFFIX)) names.push(entry.name)
    if (names.length === MAX_DIRECTORY_BATCH || read === MAX_DIRECTORY_NAMES) break
  }
  const seen: SeenFile[] = []
  for (const name of names.sort()) {
    const file = await see(directory, name)
    if (file !== undefined) seen.push(file)
  }
  return seen
}

async function see(directory: string, name: string): Promise<SeenFile | undefined> {
  const handle = await open(join(directory, name), constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => undefined)
  if (handle === undefined) return undefined
  try {
    return { name, ...stateOf(await handle.stat({ bigint: true })) }
  } finally {
    await handle.close()
  }
}

/** The bytes of `file`; undefined where it is not what was seen any more. */
export async function readBundleFile(directory: string, file: SeenFile): Promise<Uint8Array | undefined> {
  const path = join(directory, file.name)
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => undefined)
  if (handle === undefined) return undefined
  try {
    if (stateOf(await handle.stat({ bigint: true })).state !== file.state) return undefined
    const bytes = new Uint8Array(file.bytes)
    let at = 0
    while (at < bytes.length) {
      const { bytesRead } = await handle.read(bytes, at)
      if (bytesRead === 0) return undefined
      at += bytesRead
    }
    return bytes
  } finally {
    await handle.close()
  }
}

/** Moves a file aside, with the reason in a file beside it. */
export async function moveToRefused(directory: string, name: string, reason: string): Promise<void> {
  const refused = join(directory, REFUSED)
  await mkdir(refused, { recursive: true, mode: 0o700 })
  await writeFileAtomically(join(refused, `${name}.reason`), Buffer.from(`${reason}\n`))
  await rename(join(directory, name), join(refused, name))
  await syncDirectory(refused)
  await syncDirectory(directory)
}

function stateOf(stats: BigIntStats): { bytes: number; state: string } {
  const { size, mtimeNs, ctimeNs, ino } = stats
  return { bytes: Number(size), state: [size, mtimeNs, ctimeNs, ino].join() }
}
