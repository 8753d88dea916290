import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../core/index.ts'
import { MAX_RATE_LIMITED_CLIENTS } from '../limits.ts'
import { RateLimiter } from '../rate-limiter.ts'
import { clientNetwork } from './client-network.ts'
import { sendProblem } from './problem-answer.ts'

/** How often addresses and tokens may ask: each figure at once, and per minute in the long run. */
export interface RateOptions {
  readonly rateBurst?: number | undefined
  readonly ratePerMinute?: number | undefined
  readonly tokenRate?: number | undefined
}

/** How fast something may be done. */
export interface Pace {
  readonly rateBurst: number
  readonly ratePerMinute: number
}

const DEFAULT_TOKEN_RATE = 120

/** Connections that an address may open for each request that it may make. */
const CONNECTIONS_PER_REQUEST = 4

/** The pace at which one address may open connections: whoever asks once on each meets the limit on requests first, and is told so. */
export function connectionPace(options: RateOptions): Pace {
  const { rateBurst, ratePerMinute } = requestPace(options)
  return {
    rateBurst: CONNECTIONS_PER_REQUEST * rateBurst,
    ratePerMinute: CONNECTIONS_PER_REQUEST * ratePerMinute,
  }
}

function requestPace({ rateBurst = 30, ratePerMinute = 60 }: RateOptions): Pace {
  return { rateBurst, ratePerMinute }
}

/** Counts requests by address. */
export function requestLimiter(options: RateOptions, dependencies: { clock: Clock }): RateLimiter {
  const { rateBurst: burst, ratePerMinute: perMinute } = requestPace(options)
  return new RateLimiter({ burst, perMinute, maxClients: MAX_RATE_LIMITED_CLIENTS }, dependencies)
}

/** Counts redemptions by token. */
export function tokenLimiter(
  { tokenRate = DEFAULT_TOKEN_RATE }: RateOptions,
  dependencies: { clock: Clock },
): RateLimiter {
  return new RateLimiter({ burst: tokenRate, perMinute: tokenRate, maxClients: MAX_RATE_LIMITED_CLIENTS }, dependencies)
}

/** Tells whoever asks too often to wait, before anything of the request is looked at. */
export function limitRate(app: FastifyInstance, limiter: RateLimiter): void {
  app.addHook('onRequest', async (request, reply) =>
    limiter.take(clientNetwork(request.ip)) ? undefined : sendProblem(reply, 429),
  )
}
