import { systemClock } from '../../core/index.ts'
import { ControlClient, controlSocketPath } from '../control/index.ts'
import type { CommandContext } from './context.ts'

/** The process that serves the command's home. */
export function clientOf({ home }: CommandContext): ControlClient {
  return new ControlClient({ path: controlSocketPath(home) }, { clock: systemClock() })
}
