import { ENROLLMENT_ERRORS } from '../errors.ts'
import { DEFAULT_POLICY, decodePolicy, type EnrollmentPolicy } from '../policy.ts'
import type { CaChange, CaStore } from './ca-store.ts'
import {
  type Approval,
  decodeApprovals,
  decodeCount,
  decodeRecovery,
  encodeCount,
  type Recovery,
} from './fact-formats.ts'
import { type CaSettings, decodeSettings } from './formats.ts'

/** Single values of a CA, decoded, with what counts where there is none. */

type Facts = Pick<CaStore, 'fact'>

/** @throws ENROLLMENT_CA_MISSING */
export async function settingsOf(store: Facts): Promise<CaSettings> {
  const bytes = await store.fact('settings')
  if (bytes === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_MISSING')
  return decodeSettings(bytes)
}

export async function policyOf(store: Facts): Promise<EnrollmentPolicy> {
  const bytes = await store.fact('policy')
  return bytes === undefined ? DEFAULT_POLICY : decodePolicy(bytes)
}

export async function recoveryOf(store: Facts): Promise<Recovery> {
  const bytes = await store.fact('recovery')
  return bytes === undefined ? { restores: 0, restoredAtMs: 0, behindSinceMs: undefined } : decodeRecovery(bytes)
}

export async function approvalsOf(store: Facts): Promise<Approval[]> {
  const bytes = await store.fact('approvals')
  return bytes === undefined ? [] : decodeApprovals(bytes)
}

/** Sequence of the last revocation; 0: there was none. */
export async function lastRevocation(store: Facts): Promise<number> {
  const bytes = await store.fact('revocations')
  return bytes === undefined ? 0 : decodeCount(bytes)
}

/** The change that makes `sequence` the last one. */
export function setLastRevocation(sequence: number): CaChange {
  return { kind: 'fact', name: 'revocations', value: encodeCount(sequence) }
}

/** @throws ENROLLMENT_CA_BEHIND */
export async function checkNotBehind(store: Facts): Promise<void> {
  const { behindSinceMs } = await recoveryOf(store)
  if (behindSinceMs !== undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CA_BEHIND')
}
