import type { Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Clock, checkOptionKeys, checkWholeNumber, isGapmeshError, type Logger } from '../../core/index.ts'
import { LOCAL_ACTOR } from '../audit.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import {
  MAX_CONNECTIONS,
  MAX_CONNECTIONS_PER_ADDRESS,
  MAX_POLICY_REQUEST_BYTES,
  MAX_RATE_LIMITED_CLIENTS,
  MAX_REQUEST_BYTES,
  SERVER_LIFETIME_MS,
} from '../limits.ts'
import { RateLimiter } from '../rate-limiter.ts'
import type { MeshCa, ServerIdentity } from '../store/index.ts'
import { Callers } from './callers.ts'
import { clientNetwork } from './client-network.ts'
import { guardConnections } from './connection-guard.ts'
import { type Call, type Operations, operationsOf } from './operations.ts'
import { type ProblemStatus, problemOf, statusOf, UNREADABLE } from './problems.ts'
import { ROUTES, type Route } from './routes.ts'
import { TLS_OPTIONS } from './tls.ts'

export interface ServeCaOptions {
  ca: MeshCa
  /** Address to listen on. Default 127.0.0.1: whoever opens the CA to a network says so. */
  host?: string | undefined
  /** Default 8443; 0 takes any free port. */
  port?: number | undefined
  /** URL under which nodes reach this server, for the answers. Default: made from host and port. */
  publicUrl?: string | undefined
  /** Requests that one address (of IPv6 one /64) may make at once; it may open four times as many connections. Default 30. */
  rateBurst?: number | undefined
  /** Requests that one address may make per minute in the long run. Default 60. */
  ratePerMinute?: number | undefined
  /** Attempts to redeem one token, at once and per minute in the long run. Default 120. */
  tokenRate?: number | undefined
  /** Connections that one address may hold. Default 32. */
  connectionsPerAddress?: number | undefined
  /** How long a TLS handshake may take, and after it the arrival of a request, in milliseconds. Default 15,000. */
  deadlineMs?: number | undefined
}

export interface ServeCaDependencies {
  readonly clock: Clock
  readonly logger: Logger
}

/** The CA's endpoint while it runs. */
export interface CaServer {
  /** Base URL, such as `https://127.0.0.1:8443`. */
  readonly url: string
  /** Ends listening and every connection. The CA stays open. */
  close(): Promise<void>
}

const DEFAULT_DEADLINE_MS = 15_000
const KEEP_ALIVE_MS = 5_000

/** How long an answer may take on its way: a long list on a narrow link. */
const ANSWER_MS = 300_000

/** Connections that an address may open for each request that it may make. */
const CONNECTIONS_PER_REQUEST = 4

/** How often the server's certificate is looked at. */
const RENEWAL_CHECK_MS = 600_000

/** How often Node looks for requests that take too long to arrive. */
const REQUEST_CHECK_MS = 500

/**
 * Serves the enrolment API over HTTPS, with a certificate under the mesh's root and the root in its chain. Loads the HTTP
 * framework when called.
 * @throws ENROLLMENT_LISTEN
 */
export async function serveCa(options: ServeCaOptions, dependencies: ServeCaDependencies): Promise<CaServer> {
  const { ca, host = '127.0.0.1', port = 8443 } = checkServeOptions(options)
  const { deadlineMs = DEFAULT_DEADLINE_MS, connectionsPerAddress = MAX_CONNECTIONS_PER_ADDRESS } = options
  const limiter = requestLimiter(options, dependencies)
  const app = await createApp(await ca.issueServerIdentity(), { deadlineMs, limiter })
  const server = app.server as unknown as Server
  server.maxConnections = MAX_CONNECTIONS
  const { rateBurst, ratePerMinute } = pacesOf(options)
  // Whoever asks once a connection meets the limit on requests first, and is told so.
  const paces = {
    rateBurst: CONNECTIONS_PER_REQUEST * rateBurst,
    ratePerMinute: CONNECTIONS_PER_REQUEST * ratePerMinute,
  }
  guardConnections(server, { maxPerAddress: connectionsPerAddress, handshakeMs: deadlineMs, ...paces }, dependencies)
  const url = () => options.publicUrl ?? urlOf(server.address() as AddressInfo)
  addProblems(app, dependencies.logger)
  addRateLimit(app, limiter, dependencies)
  addRoutes(
    app,
    ca,
    operationsOf({ ca, ...dependencies, tokens: tokenLimiter(options, dependencies), crlUrl: () => `${url()}/v1/crl` }),
  )
  await app.listen({ host, port }).catch(async (cause) => {
    await app.close()
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_LISTEN', { cause, detail: `${host}:${port}` })
  })
  const renewal = renewPeriodically(server, ca, dependencies)
  return {
    url: url(),
    async close() {
      renewal.stop()
      await app.close()
    },
  }
}

const OPTION_BOUNDS = {
  port: { min: 0, max: 65_535 },
  rateBurst: { min: 1, max: 1_000_000 },
  ratePerMinute: { min: 1, max: 10_000_000 },
  tokenRate: { min: 1, max: 1_000_000 },
  connectionsPerAddress: { min: 1, max: MAX_CONNECTIONS },
  deadlineMs: { min: 1, max: 600_000 },
} as const

function checkServeOptions(options: ServeCaOptions): ServeCaOptions {
  checkOptionKeys('serveCa', options, ['ca', 'host', 'publicUrl', ...Object.keys(OPTION_BOUNDS)])
  for (const [name, bounds] of Object.entries(OPTION_BOUNDS)) {
    const value = options[name as keyof typeof OPTION_BOUNDS]
    if (value !== undefined) checkWholeNumber(name, value, bounds)
  }
  if (options.publicUrl !== undefined && !/^https:\/\/[^/?#]+$/.test(options.publicUrl)) {
    throw new TypeError('publicUrl is an https URL without path or trailing slash')
  }
  return options
}

/** Clients may show a certificate or none; each route judges for itself. */
const CLIENTS = { requestCert: true, rejectUnauthorized: false, ca: [] as string[] }

async function createApp(
  { certificateChain, privateKey }: ServerIdentity,
  { deadlineMs, limiter }: { deadlineMs: number; limiter: RateLimiter },
): Promise<FastifyInstance> {
  const { fastify } = await import('fastify')
  const app = fastify({
    https: {
      ...TLS_OPTIONS,
      ...CLIENTS,
      cert: certificateChain,
      key: privateKey,
      handshakeTimeout: deadlineMs,
      headersTimeout: deadlineMs,
      connectionsCheckingInterval: REQUEST_CHECK_MS,
    },
    bodyLimit: MAX_REQUEST_BYTES,
    requestTimeout: deadlineMs,
    connectionTimeout: deadlineMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    logger: false,
    // Requests that reach no route, and so no hook: the framework would quote the path and name itself.
    frameworkErrors: (_error, { ip }, reply) =>
      sendProblem(reply as unknown as FastifyReply, limiter.take(clientNetwork(ip)) ? 400 : 429),
    clientErrorHandler: (_error, socket) => {
      if (socket.writable) socket.write(UNREADABLE)
      socket.destroy()
    },
  })
  return app as unknown as FastifyInstance
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

function pacesOf({ rateBurst = 30, ratePerMinute = 60 }: ServeCaOptions) {
  return { rateBurst, ratePerMinute }
}

function requestLimiter(options: ServeCaOptions, { clock }: ServeCaDependencies): RateLimiter {
  const { rateBurst: burst, ratePerMinute: perMinute } = pacesOf(options)
  return new RateLimiter({ burst, perMinute, maxClients: MAX_RATE_LIMITED_CLIENTS }, { clock })
}

function addRateLimit(app: FastifyInstance, limiter: RateLimiter, { clock }: ServeCaDependencies): void {
  app.addHook('onRequest', async (request, reply) => {
    const timer = clock.setTimer(ANSWER_MS, () => request.raw.socket.destroy(), { unref: true })
    reply.raw.once('close', () => timer.cancel())
    return limiter.take(clientNetwork(request.ip)) ? undefined : sendProblem(reply, 429)
  })
}

function tokenLimiter(options: ServeCaOptions, dependencies: { clock: Clock }): RateLimiter {
  const { tokenRate = 120 } = options
  return new RateLimiter({ burst: tokenRate, perMinute: tokenRate, maxClients: MAX_RATE_LIMITED_CLIENTS }, dependencies)
}

/** Routes on which the CA judges the certificate together with the request. */
const JUDGED_BY_CA: readonly Route['operation'][] = ['rotate', 'rotateOperator']

function addRoutes(app: FastifyInstance, ca: MeshCa, operations: Operations): void {
  const callers = new Callers(ca)
  const identified = new WeakMap<FastifyRequest, Pick<Call, 'presented' | 'actor'>>()
  const stranger = { presented: [], actor: LOCAL_ACTOR }
  for (const route of ROUTES) {
    const { method, operation, auth } = route
    app.route({
      method,
      url: route.path.replace('{id}', ':id'),
      bodyLimit: operation === 'setPolicy' ? MAX_POLICY_REQUEST_BYTES : MAX_REQUEST_BYTES,
      // Before the body is read: strangers do not get that far.
      onRequest: async (request) => {
        if (auth !== 'node' && auth !== 'operator') return
        const socket = request.raw.socket as TLSSocket
        const presented = callers.presented(socket)
        const actor = JUDGED_BY_CA.includes(operation) ? LOCAL_ACTOR : await callers.identify(socket, auth)
        identified.set(request, { presented, actor })
      },
      handler: async (request, reply) => {
        const caller = identified.get(request) ?? stranger
        if (operation !== 'fetchList' && operation !== 'fetchDelta') reply.header('cache-control', 'no-store')
        const body = await operations[operation]({ request, reply, ...caller }).catch(async (error) => {
          const member = auth === 'node' || auth === 'operator'
          throw member ? await callers.explain(error, caller.presented, auth) : error
        })
        return body === undefined ? reply.code(204).send() : body
      },
    })
  }
}

function sendProblem(reply: FastifyReply, status: ProblemStatus): FastifyReply {
  if (status === 429) reply.header('retry-after', '60')
  return reply.code(status).type('application/problem+json').send(problemOf(status))
}

/** Puts a fresh certificate in the running server at half the lifetime of the last one. */
function renewPeriodically(server: Server, ca: MeshCa, { clock, logger }: ServeCaDependencies): { stop(): void } {
  let dueMs = clock.now() + SERVER_LIFETIME_MS / 2
  let stopped = false
  const renew = async () => {
    dueMs = clock.now() + SERVER_LIFETIME_MS / 2
    try {
      const { certificateChain: cert, privateKey: key } = await ca.issueServerIdentity()
      if (!stopped) server.setSecureContext({ ...TLS_OPTIONS, ...CLIENTS, cert, key })
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

function urlOf({ address, family, port }: AddressInfo): string {
  return `https://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
