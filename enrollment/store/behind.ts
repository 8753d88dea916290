import type { GapmeshError } from '../../core/index.ts'
import { type Actor, auditEntry } from '../audit.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import type { CaParts } from './ca-parts.ts'
import { encodeRecovery } from './fact-formats.ts'
import { recoveryOf } from './facts.ts'

/**
 * Marks a CA as running on an old backup: something turned up that it signed and does not know. Until it was told that it
 * was restored, it decides nothing that could contradict what it has lost.
 * @param actor who brought it
 * @returns the error to answer with
 */
export async function markBehind({ store, dependencies }: CaParts, actor: Actor): Promise<GapmeshError> {
  const atMs = dependencies.clock.now()
  await store.locked(['recovery'], async () => {
    const recovery = await recoveryOf(store)
    if (recovery.behindSinceMs !== undefined) return
    const value = encodeRecovery({ ...recovery, behindSinceMs: atMs })
    const detail = 'this CA runs on an old backup'
    await store.commit(
      [{ kind: 'fact', name: 'recovery', value }],
      [auditEntry({ atMs, event: 'refused', actor, detail })],
    )
  })
  dependencies.logger.error({ actor }, 'this CA runs on an old backup, and must be told so: gapmesh ca restored')
  return ENROLLMENT_ERRORS.create('ENROLLMENT_CA_BEHIND')
}
