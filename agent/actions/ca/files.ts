import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { writeFileAtomically } from '../../../core/store/index.ts'
import type { CommandContext } from '../../cli/index.ts'
import { AGENT_ERRORS } from '../../errors.ts'

const CHUNK_BYTES = 256 * 1024

/**
 * A file named on the command line, whole; it may be a pipe.
 * @throws AGENT_FILE_READ, AGENT_FILE_TOO_LARGE
 */
export async function readInput(name: string, maxBytes: number, context: CommandContext): Promise<Uint8Array> {
  const path = resolve(context.io.workingDirectory, name)
  const bytes = await readUpTo(path, maxBytes + 1).catch((cause) => {
    throw AGENT_ERRORS.create('AGENT_FILE_READ', { detail: `${path} (${cause.code})`, cause })
  })
  if (bytes.length > maxBytes) throw AGENT_ERRORS.create('AGENT_FILE_TOO_LARGE', { detail: path })
  return bytes
}

/** Stops at `maxBytes`: a device may have no end. */
async function readUpTo(path: string, maxBytes: number): Promise<Uint8Array> {
  await using handle = await open(path, 'r')
  const chunks: Uint8Array[] = []
  for (let left = maxBytes; left > 0; ) {
    const { bytesRead, buffer } = await handle.read(new Uint8Array(Math.min(left, CHUNK_BYTES)), { position: null })
    if (bytesRead === 0) break
    chunks.push(buffer.subarray(0, bytesRead))
    left -= bytesRead
  }
  return new Uint8Array(Buffer.concat(chunks))
}

/** Writes a file named on the command line, whole or not at all. */
export async function writeOutput(name: string, bytes: Uint8Array, context: CommandContext): Promise<string> {
  const path = resolve(context.io.workingDirectory, name)
  await writeFileAtomically(path, bytes, 0o644)
  return path
}

const ARMOR = /^-----BEGIN ([A-Z0-9 ]+)-----\s([A-Za-z0-9+/=\s]+)-----END \1-----\s*$/

/** DER of a file that is DER, or PEM of one block. */
export function derOf(bytes: Uint8Array): Uint8Array {
  if (bytes[0] !== 0x2d) return bytes
  const [, , body = ''] = ARMOR.exec(Buffer.from(bytes).toString('latin1')) ?? []
  return new Uint8Array(Buffer.from(body, 'base64'))
}
