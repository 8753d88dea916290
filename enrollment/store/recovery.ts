import { equalBytes, toHex } from '../../core/index.ts'
import { type Actor, auditEntry, LOCAL_ACTOR } from '../audit.ts'
import { parseCrl, type RevocationList, verifyCrl } from '../crl/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { MAX_LEAF_LIFETIME_MS, RESTORE_NUMBER_STEP } from '../limits.ts'
import { markBehind } from './behind.ts'
import type { CaParts } from './ca-parts.ts'
import type { CaChange } from './ca-store.ts'
import { encodeRecovery } from './fact-formats.ts'
import { lastRevocation, recoveryOf, setLastRevocation, settingsOf } from './facts.ts'
import type { StoredRevocation } from './issued-format.ts'

/** Brings a CA that runs on a backup ahead of everything that it may have done since the backup was made. */
export class RecoveryDesk {
  readonly #parts: CaParts

  constructor(parts: CaParts) {
    this.#parts = parts
  }

  /**
   * The numbers of lists jump, tokens become void, and the next lists are full ones with a new pseudonym key.
   * @param lists full lists that this CA issued and nodes still have: revocations that are in them are taken back in
   * @throws ENROLLMENT_CRL_*
   */
  async restored(actor: Actor, lists: readonly Uint8Array[]): Promise<void> {
    const { store, dependencies } = this.#parts
    const parsed = await Promise.all(lists.map((der) => this.#checkOwn(parseCrl(der))))
    await store.locked('all', async () => {
      const atMs = dependencies.clock.now()
      const { restores } = await recoveryOf(store)
      const recovery = { restores: restores + 1, restoredAtMs: atMs, behindSinceMs: undefined }
      const revocations = await this.#lost(parsed)
      const sequence = (await lastRevocation(store)) + revocations.length + 1
      const voided = await this.#voidTokens()
      const changes: CaChange[] = [
        { kind: 'fact', name: 'recovery', value: encodeRecovery(recovery) },
        ...voided,
        ...revocations,
        setLastRevocation(sequence),
        ...(await this.#jump(parsed)),
      ]
      const detail = `${voided.length} tokens void, ${revocations.length} revocations taken back in`
      await store.commit(changes, [auditEntry({ atMs, event: 'ca-restored', actor, detail })])
    })
  }

  /**
   * Whether a list of this CA is one that it has issued.
   * @throws ENROLLMENT_CA_BEHIND when its number is yet to come; ENROLLMENT_CRL_*
   */
  async checkNotAhead(list: RevocationList): Promise<void> {
    await this.#checkOwn(list)
    const records = await this.#parts.store.listRecords()
    const record = records.find(({ authorityKeyId }) => equalBytes(authorityKeyId, list.authorityKeyId))
    if (list.number > (record?.number ?? 0n)) throw await markBehind(this.#parts, LOCAL_ACTOR)
  }

  async #checkOwn(list: RevocationList): Promise<RevocationList> {
    const { authorities, store, dependencies } = this.#parts
    const authority = authorities.find(list.authorityKeyId)
    if (authority === undefined) throw ENROLLMENT_ERRORS.create('ENROLLMENT_CRL_AUTHORITY_UNKNOWN')
    const { signaturePolicy } = await settingsOf(store)
    await verifyCrl(list, authority.certificate, { provider: dependencies.provider, signaturePolicy })
    return list
  }

  /** As used, not as expired: the clock may be wrong today. */
  async #voidTokens(): Promise<CaChange[]> {
    const changes: CaChange[] = []
    for await (const [tokenId, token] of this.#parts.store.tokens()) {
      if (token.used < token.uses) changes.push({ kind: 'token', tokenId, token: { ...token, used: token.uses } })
    }
    return changes
  }

  async #lost(lists: readonly RevocationList[]): Promise<CaChange[]> {
    const { store } = this.#parts
    const changes: CaChange[] = []
    const seen = new Set<string>()
    let sequence = await lastRevocation(store)
    for (const list of lists) {
      for (const entry of list.entries) {
        const serial = toHex(entry.serialNumber)
        if (seen.has(serial) || (await store.revocation(entry.serialNumber)) !== undefined) continue
        seen.add(serial)
        sequence += 1
        changes.push({ kind: 'revocation', revocation: await this.#revocation(list, { entry, sequence }) })
      }
    }
    return changes
  }

  async #revocation(
    list: RevocationList,
    { entry, sequence }: { entry: ReturnType<RevocationList['entries']['at']>; sequence: number },
  ): Promise<StoredRevocation> {
    const { authorityKeyId } = list
    const { serialNumber, revokedAtMs, reason, invalidityMs } = entry
    const issued = await this.#parts.store.certificate(serialNumber)
    // Of a certificate that was lost with the rest, the end is not known: as late as it can be.
    const unknown = {
      kind: 'node',
      name: '',
      issuedAtMs: 0,
      notAfterMs: list.thisUpdateMs + MAX_LEAF_LIFETIME_MS,
    } as const
    const { kind, name, issuedAtMs, notAfterMs } = issued ?? unknown
    const keyHash = entry.keyHash?.slice() ?? issued?.identityKeyId ?? new Uint8Array(32)
    const facts = { serialNumber: serialNumber.slice(), authorityKeyId, keyHash, kind, name, issuedAtMs, notAfterMs }
    return { ...facts, sequence, revokedAtMs, reason, invalidityMs }
  }

  async #jump(lists: readonly RevocationList[]): Promise<CaChange[]> {
    const records = (await this.#parts.store.listRecords()).filter(({ own }) => own)
    return records.map((record): CaChange => {
      const seen = lists.filter((list) => equalBytes(list.authorityKeyId, record.authorityKeyId))
      const [highest = record.number] = [record.number, ...seen.map(({ number }) => number)].sort((a, b) =>
        a > b ? -1 : 1,
      )
      const number = highest + BigInt(RESTORE_NUMBER_STEP)
      return { kind: 'list', record: { ...record, number, base: undefined } }
    })
  }
}
