import type { Server } from 'node:https'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Clock, isGapmeshError, type Logger } from '../../core/index.ts'
import { MAX_REQUEST_BYTES } from '../limits.ts'
import type { RateLimiter } from '../rate-limiter.ts'
import type { ServerIdentity } from '../store/index.ts'
import { clientNetwork } from './client-network.ts'
import { OpenExchanges } from './open-exchanges.ts'
import { sendProblem } from './problem-answer.ts'
import { statusOf, UNREADABLE } from './problems.ts'
import { limitRate } from './rate-limits.ts'
import { SERVER_TLS } from './tls.ts'

export interface AppOptions {
  readonly identity: ServerIdentity
  /** For a TLS handshake, and after it for the arrival of a request. */
  readonly deadlineMs: number
  /** Counts requests by address. */
  readonly limiter: RateLimiter
}

const KEEP_ALIVE_MS = 5_000

/** How long an answer may take on its way: a long list on a narrow link. */
const ANSWER_MS = 300_000

/** How often Node looks for requests that take too long to arrive. */
const REQUEST_CHECK_MS = 500

/** The HTTPS server without routes: its limits, and what it says about requests that it refuses. */
export async function createApp(
  options: AppOptions,
  { clock, logger }: { clock: Clock; logger: Logger },
): Promise<FastifyInstance> {
  const { fastify } = await import('fastify')
  const exchanges = new OpenExchanges()
  const app = fastify(settingsOf(options, exchanges)) as unknown as FastifyInstance
  const server = app.server as unknown as Server
  exchanges.follow(server)
  // Nothing but 100-continue is understood; the rest may be ignored (RFC 9110 §10.1.1), and Node's own refusal is not counted.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  addProblems(app, logger)
  limitAnswers(app, clock)
  limitRate(app, options.limiter)
  refuseUnclearHosts(app)
  return app
}

function settingsOf({ identity, deadlineMs, limiter }: AppOptions, exchanges: OpenExchanges) {
  const { certificateChain, privateKey } = identity
  return {
    https: {
      ...SERVER_TLS,
      cert: certificateChain,
      key: privateKey,
      handshakeTimeout: deadlineMs,
      headersTimeout: deadlineMs,
      requestTimeout: deadlineMs,
      connectionsCheckingInterval: REQUEST_CHECK_MS,
      // Judged below, where requests are counted.
      requireHostHeader: false,
    },
    bodyLimit: MAX_REQUEST_BYTES,
    requestTimeout: deadlineMs,
    connectionTimeout: deadlineMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    logger: false,
    // Requests that reach no route, and so no hook: the framework would quote the path and name itself.
    frameworkErrors: (_error: Error, { ip }: FastifyRequest, reply: FastifyReply) =>
      sendProblem(reply, limiter.take(clientNetwork(ip)) ? 400 : 429),
    clientErrorHandler: (_error: Error, socket: Socket) => {
      if (socket.writable && exchanges.mayAnswer(socket)) socket.write(UNREADABLE)
      socket.destroy()
    },
  }
}

function addProblems(app: FastifyInstance, logger: Logger): void {
  app.setErrorHandler((error, request, reply) => {
    const status = statusOf(error)
    const code = isGapmeshError(error) ? error.code : (error as { code?: string }).code
    const facts = { address: request.ip, route: request.routeOptions.url, status, code }
    if (status === 500) logger.error({ ...facts, err: error }, 'a request to the CA failed')
    else logger.warn(facts, 'a request to the CA was refused')
    return sendProblem(reply, status)
  })
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 404))
}

/** A connection on which an answer makes no way to its end is ended. */
function limitAnswers(app: FastifyInstance, clock: Clock): void {
  app.addHook('onRequest', async (request, reply) => {
    const timer = clock.setTimer(ANSWER_MS, () => request.raw.socket.destroy(), { unref: true })
    reply.raw.once('close', () => timer.cancel())
  })
}

/** HTTP/1.1 asks for exactly one Host, whether it is of use or not (RFC 9112 §3.2). */
function refuseUnclearHosts(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ raw }, reply) => {
    const hosts = raw.headersDistinct.host?.length ?? 0
    return hosts === 1 || (hosts === 0 && raw.httpVersion === '1.0') ? undefined : sendProblem(reply, 400)
  })
}
