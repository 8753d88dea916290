import {
  type Clock,
  createLogger,
  type Logger,
  type RandomSource,
  systemClock,
  systemRandom,
} from '../../core/index.ts'
import { createNativeProvider, type SignatureProvider } from '../../crypto/index.ts'

/** The machine's clock and randomness, OpenSSL's signatures, and warnings to standard error. */
export interface SystemDependencies {
  readonly clock: Clock
  readonly random: RandomSource
  readonly provider: SignatureProvider
  readonly logger: Logger
}

/** What a command that is not the daemon works with. */
export function systemDependencies(): SystemDependencies {
  return {
    clock: systemClock(),
    random: systemRandom(),
    provider: createNativeProvider(),
    logger: createLogger({ level: 'warn' }),
  }
}

/** Resolves when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
