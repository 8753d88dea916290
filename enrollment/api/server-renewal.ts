import type { Server } from 'node:https'
import type { Clock, Logger } from '../../core/index.ts'
import { SERVER_LIFETIME_MS } from '../limits.ts'
import type { MeshCa } from '../store/index.ts'
import { SERVER_TLS } from './tls.ts'

/** How often the server's certificate is looked at. */
const RENEWAL_CHECK_MS = 600_000

/** Puts a fresh certificate in the running server at half the lifetime of the last one. */
export function renewPeriodically(
  server: Server,
  ca: MeshCa,
  { clock, logger }: { clock: Clock; logger: Logger },
): { stop(): void } {
  let dueMs = clock.now() + SERVER_LIFETIME_MS / 2
  let stopped = false
  const renew = async () => {
    dueMs = clock.now() + SERVER_LIFETIME_MS / 2
    try {
      const { certificateChain: cert, privateKey: key } = await ca.issueServerIdentity()
      if (!stopped) server.setSecureContext({ ...SERVER_TLS, cert, key })
    } catch (error) {
      dueMs = clock.now()
      logger.error({ err: error }, "the certificate of the CA's server could not be renewed")
    }
  }
  // Looked at often: a timer for days does not count those that the machine sleeps.
  const check = () => {
    if (clock.now() >= dueMs) void renew()
    timer = clock.setTimer(RENEWAL_CHECK_MS, check, { unref: true })
  }
  let timer = clock.setTimer(RENEWAL_CHECK_MS, check, { unref: true })
  return {
    stop() {
      stopped = true
      timer.cancel()
    },
  }
}
