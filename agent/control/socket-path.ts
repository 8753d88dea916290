import { join } from 'node:path'
import { AGENT_ERRORS } from '../errors.ts'

/** `sun_path` holds 108 bytes on Linux and 104 on macOS and BSD, one of them a zero. */
const MAX_PATH_BYTES = process.platform === 'linux' ? 107 : 103

/**
 * The control socket of the agent whose home is `home`.
 * @throws AGENT_CONTROL_PATH
 */
export function controlSocketPath(home: string): string {
  const path = join(home, 'gapmesh.sock')
  const bytes = Buffer.byteLength(path)
  if (bytes > MAX_PATH_BYTES) {
    throw AGENT_ERRORS.create('AGENT_CONTROL_PATH', {
      detail: `${bytes} bytes`,
      metadata: { path, bytes, maxBytes: MAX_PATH_BYTES },
    })
  }
  return path
}
