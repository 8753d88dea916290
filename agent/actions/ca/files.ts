import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { writeFileAtomically } from '../../../core/store/index.ts'
import type { CommandContext } from '../../cli/index.ts'
import { AGENT_ERRORS } from '../../errors.ts'

/**
 * A file named on the command line, whole.
 * @throws AGENT_FILE_TOO_LARGE
 */
export async function readInput(name: string, maxBytes: number, context: CommandContext): Promise<Uint8Array> {
  await using handle = await open(resolve(context.io.workingDirectory, name), 'r')
  const { size } = await handle.stat()
  if (size > maxBytes) throw AGENT_ERRORS.create('AGENT_FILE_TOO_LARGE', { detail: name })
  return new Uint8Array(await handle.readFile())
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
