import { checkOptionKeys, checkWholeNumber, equalBytes } from '../../core/index.ts'
import { type Actor, auditEntry } from '../audit.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import {
  DEFAULT_TOKEN_LIFETIME_MS,
  MAX_LABEL_CHARACTERS,
  MAX_LABELS,
  MAX_TOKEN_LIFETIME_MS,
  MAX_TOKEN_USES,
  TOKEN_PRUNE_INTERVAL_MS,
  TOKEN_RETENTION_MS,
} from '../limits.ts'
import { decideNodeId } from '../redemption.ts'
import { decodeToken, encodeToken, makeToken, tokenId } from '../token.ts'
import type { TokenTerms } from '../types.ts'
import type { CaParts } from './ca-parts.ts'
import type { CaChange } from './ca-store.ts'
import type { TokenCounts, TokenOptions } from './ca-types.ts'
import { isDelegated } from './pseudonyms.ts'

const OPTIONS = ['nodeId', 'roles', 'uses', 'lifetimeMs', 'labels', 'attestation']
const LABEL = new RegExp(`^[\\x21-\\x7e]{1,${MAX_LABEL_CHARACTERS}}$`)
/** Tokens that are forgotten in one commit. */
const PRUNE_BATCH = 64

/** Makes tokens, and forgets them when they have been of no use for long. */
export class TokenDesk {
  readonly #parts: CaParts
  #prunedAtMs: number | undefined

  constructor(parts: CaParts) {
    this.#parts = parts
  }

  /** @throws ENROLLMENT_DELEGATED, ENROLLMENT_NODE_ID_TAKEN, ENROLLMENT_REQUEST_MALFORMED for a node_id that is no DNS label */
  async create(options: TokenOptions, actor: Actor): Promise<{ token: string; expiresAtMs: number }> {
    const { store, mesh, authorities, dependencies } = this.#parts
    const createdAtMs = dependencies.clock.now()
    if (await isDelegated(store, createdAtMs)) throw ENROLLMENT_ERRORS.create('ENROLLMENT_DELEGATED')
    const terms = termsOf(options, createdAtMs)
    const token = makeToken({ mesh, rootFingerprint: authorities.root.fingerprint }, dependencies.random)
    const id = tokenId(token)
    const { nodeId, expiresAtMs } = terms
    await this.#forgetOld(createdAtMs)
    await store.commit(
      [{ kind: 'token', tokenId: id, token: { ...terms, used: 0 } }],
      [auditEntry({ atMs: createdAtMs, event: 'token-created', actor, nodeId, tokenId: id })],
    )
    return { token: encodeToken(token), expiresAtMs }
  }

  /**
   * Id of a token of this CA.
   * @throws ENROLLMENT_TOKEN_FORMAT, ENROLLMENT_TOKEN_CHECKSUM, ENROLLMENT_TOKEN_FOREIGN
   */
  ownId(text: string): Uint8Array {
    const { mesh, authorities } = this.#parts
    const token = decodeToken(text)
    const own = token.mesh === mesh && equalBytes(token.rootFingerprint, authorities.root.fingerprint)
    if (!own) throw ENROLLMENT_ERRORS.create('ENROLLMENT_TOKEN_FOREIGN')
    return tokenId(token)
  }

  async counts(): Promise<TokenCounts> {
    const nowMs = this.#parts.dependencies.clock.now()
    const counts = { open: 0, used: 0, expired: 0 }
    for await (const [, { used, uses, expiresAtMs }] of this.#parts.store.tokens()) {
      counts[used >= uses ? 'used' : nowMs >= expiresAtMs ? 'expired' : 'open'] += 1
    }
    return counts
  }

  /** Where tokens are added, so that their number stays that of a month or two. */
  async #forgetOld(nowMs: number): Promise<void> {
    if (this.#prunedAtMs !== undefined && nowMs < this.#prunedAtMs + TOKEN_PRUNE_INTERVAL_MS) return
    const { store } = this.#parts
    let forgotten: CaChange[] = []
    for await (const [id, { expiresAtMs }] of store.tokens()) {
      if (expiresAtMs > nowMs - TOKEN_RETENTION_MS) continue
      forgotten.push({ kind: 'forget-token', tokenId: id })
      if (forgotten.length < PRUNE_BATCH) continue
      await store.commit(forgotten, [])
      forgotten = []
    }
    await store.commit(forgotten, [])
    this.#prunedAtMs = nowMs
  }
}

function termsOf(options: TokenOptions, createdAtMs: number): TokenTerms {
  checkOptionKeys('createToken', options, OPTIONS)
  const { nodeId, roles = ['node'], uses = 1, lifetimeMs = DEFAULT_TOKEN_LIFETIME_MS } = options
  const { labels = [], attestation = 'none' } = options
  checkWholeNumber('uses', uses, { min: 1, max: MAX_TOKEN_USES })
  checkWholeNumber('lifetimeMs', lifetimeMs, { min: 1, max: MAX_TOKEN_LIFETIME_MS })
  const sound = roles.length > 0 && roles.every((role) => role === 'node' || role === 'validator')
  if (!sound) throw new TypeError('roles of a node: node, validator')
  if (labels.length > MAX_LABELS || !labels.every((label) => LABEL.test(label))) {
    throw new TypeError(`labels: at most ${MAX_LABELS}, of visible ASCII, at most ${MAX_LABEL_CHARACTERS} characters`)
  }
  if (attestation !== 'none' && attestation !== 'required') throw new TypeError('attestation: none, required')
  if (nodeId !== undefined) decideNodeId({ nodeId }, { nodeId })
  return { createdAtMs, expiresAtMs: createdAtMs + lifetimeMs, uses, nodeId, roles, labels, attestation }
}
