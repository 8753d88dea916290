import { type Clock, isGapmeshError } from '../../core/index.ts'
import type { SignatureProvider } from '../../crypto/index.ts'
import type { FetchedList, PseudonymKey, RequestKeys, Rotated } from '../../enrollment/member/index.ts'
import type { Certificate } from '../../records/path/index.ts'
import type { Credentials } from './membership.ts'

/** What a running node asks of its CA. Every call may throw ENROLLMENT_*. */
export interface CaClient {
  /** Asks for the certificate after `credentials`, for keys of which the identity key is new. */
  rotate(credentials: Credentials, keys: RequestKeys): Promise<Rotated>
  /** A list of the CA with the subject key id `authority`; default: of the one that issues now. */
  list(
    kind: 'full' | 'delta',
    known?: { etag?: string | undefined; authority?: Uint8Array | undefined },
  ): Promise<FetchedList | 'unchanged' | undefined>
  pseudonym(credentials: Credentials): Promise<PseudonymKey>
}

export interface HttpsCaOptions {
  readonly url: string
  readonly mesh: string
  readonly rootFingerprint: Uint8Array
  readonly root: Certificate
}

export interface HttpsCaDependencies {
  readonly provider: SignatureProvider
  readonly clock: Clock
  /** Ends the waiting for a CA that does not answer. */
  readonly signal: AbortSignal
}

/** A server's chain may name so many times, each later than the one before, at which one of its certificates begins. */
const MAX_TRIES = 4

/** The CA over HTTPS; the client is loaded by the first call. */
export class HttpsCa implements CaClient {
  readonly #options: HttpsCaOptions
  readonly #dependencies: HttpsCaDependencies

  constructor(options: HttpsCaOptions, dependencies: HttpsCaDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  async rotate({ chain, identityKey }: Credentials, keys: RequestKeys): Promise<Rotated> {
    const { buildCsr, requestRotation } = await loadClient()
    const csr = await buildCsr(keys)
    const options = { ...this.#options, chain, identityKey, makeCsr: async () => csr }
    return this.#ask((dependencies) => requestRotation(options, dependencies))
  }

  async list(kind: 'full' | 'delta', known: { etag?: string | undefined; authority?: Uint8Array | undefined } = {}) {
    const { fetchList } = await loadClient()
    return this.#ask((dependencies) => fetchList({ ...this.#options, kind, ...known }, dependencies))
  }

  async pseudonym({ chain, identityKey }: Credentials): Promise<PseudonymKey> {
    const { fetchPseudonym } = await loadClient()
    return this.#ask((dependencies) => fetchPseudonym({ ...this.#options, chain, identityKey }, dependencies))
  }

  /**
   * A slow clock must not cut a node off from the CA that would tell it the time: a server whose certificate is not valid
   * yet is judged at its beginning. Everything else about it has to hold.
   */
  async #ask<Answer>(call: (dependencies: Omit<HttpsCaDependencies, 'signal'>) => Promise<Answer>): Promise<Answer> {
    const { provider, clock, signal } = this.#dependencies
    let bornMs = 0
    for (let tries = 1; ; tries += 1) {
      try {
        return await unlessAborted(call({ provider, clock: noEarlier(clock, bornMs) }), signal)
      } catch (error) {
        const laterMs = beginningOf(error)
        if (laterMs === undefined || laterMs <= bornMs || tries === MAX_TRIES) throw error
        bornMs = laterMs
      }
    }
  }
}

/** What `work` comes to, or the signal's reason as soon as that aborts. */
async function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function loadClient() {
  return import('../../enrollment/member/index.ts')
}

/** When the certificate begins for which a server was not believed; undefined for other failures. */
function beginningOf(error: unknown): number | undefined {
  const cause = isGapmeshError(error, 'ENROLLMENT_SERVER_UNTRUSTED') ? error.cause : undefined
  if (!isGapmeshError(cause, 'RECORDS_PATH_NOT_YET_VALID')) return undefined
  const { notBeforeMs } = cause.metadata
  return typeof notBeforeMs === 'number' ? notBeforeMs : undefined
}

function noEarlier(clock: Clock, atMs: number): Clock {
  return {
    now: () => Math.max(clock.now(), atMs),
    monotonic: () => clock.monotonic(),
    setTimer: (delayMs, action, options) => clock.setTimer(delayMs, action, options),
  }
}
