import type { Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { type Clock, checkOptionKeys, checkWholeNumber, isGapmeshError, type Logger } from '../../core/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { MAX_CONNECTIONS, MAX_RATE_LIMITED_CLIENTS, MAX_REQUEST_BYTES, SERVER_LIFETIME_MS } from '../limits.ts'
import { RateLimiter } from '../rate-limiter.ts'
import type { MeshCa, ServerIdentity } from '../store/index.ts'
import { encodeAnswer, readRequest } from '../wire.ts'
import { type ProblemStatus, problemOf, statusOf } from './problems.ts'
import { TLS_OPTIONS } from './tls.ts'

export interface ServeCaOptions {
  ca: MeshCa
  /** Address to listen on. Default 127.0.0.1: whoever opens the CA to a network says so. */
  host?: string | undefined
  /** Default 8443; 0 takes any free port. */
  port?: number | undefined
  /** URL under which nodes reach this server, for the answers. Default: made from host and port. */
  publicUrl?: string | undefined
  /** Requests that one address may make at once. Default 30. */
  rateBurst?: number | undefined
  /** Requests that one address may make per minute in the long run. Default 60. */
  ratePerMinute?: number | undefined
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

const REQUEST_TIMEOUT_MS = 15_000
const KEEP_ALIVE_MS = 5_000

/**
 * Serves `POST /v1/enroll` over HTTPS, with a certificate under the mesh's root and the root in its chain.
 * Loads the HTTP framework when called.
 * @throws ENROLLMENT_LISTEN
 */
export async function serveCa(options: ServeCaOptions, dependencies: ServeCaDependencies): Promise<CaServer> {
  const { ca, host = '127.0.0.1', port = 8443 } = checkServeOptions(options)
  const app = await createApp(await ca.issueServerIdentity())
  const server = app.server as unknown as Server
  server.maxConnections = MAX_CONNECTIONS
  const url = () => options.publicUrl ?? urlOf(server.address() as AddressInfo)
  addProblems(app, dependencies.logger)
  addRateLimit(app, options, dependencies.clock)
  app.post('/v1/enroll', async (request, reply) => {
    const answer = await ca.enroll(readRequest(request.body), { crlUrl: `${url()}/v1/crl` })
    return reply.header('cache-control', 'no-store').send(encodeAnswer(answer))
  })
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

function checkServeOptions(options: ServeCaOptions): ServeCaOptions {
  checkOptionKeys('serveCa', options, ['ca', 'host', 'port', 'publicUrl', 'rateBurst', 'ratePerMinute'])
  if (options.port !== undefined) checkWholeNumber('port', options.port, { min: 0, max: 65_535 })
  if (options.publicUrl !== undefined && !/^https:\/\/[^/?#]+$/.test(options.publicUrl)) {
    throw new TypeError('publicUrl is an https URL without path or trailing slash')
  }
  return options
}

async function createApp({ certificateChain, privateKey }: ServerIdentity): Promise<FastifyInstance> {
  const { fastify } = await import('fastify')
  const app = fastify({
    https: { ...TLS_OPTIONS, cert: certificateChain, key: privateKey, handshakeTimeout: REQUEST_TIMEOUT_MS },
    bodyLimit: MAX_REQUEST_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    logger: false,
  })
  return app as unknown as FastifyInstance
}

function addProblems(app: FastifyInstance, logger: Logger): void {
  app.setErrorHandler((error, request, reply) => {
    const status = statusOf(error)
    const code = isGapmeshError(error) ? error.code : (error as { code?: string }).code
    const facts = { address: request.ip, status, code }
    if (status === 500) logger.error({ ...facts, err: error }, 'enrolment failed')
    else logger.warn(facts, 'enrolment refused')
    return sendProblem(reply, status)
  })
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 404))
}

function addRateLimit(app: FastifyInstance, options: ServeCaOptions, clock: Clock): void {
  const { rateBurst: burst = 30, ratePerMinute: perMinute = 60 } = options
  const limiter = new RateLimiter({ burst, perMinute, maxClients: MAX_RATE_LIMITED_CLIENTS }, { clock })
  app.addHook('onRequest', async (request, reply) => {
    if (limiter.take(request.ip)) return undefined
    return sendProblem(reply.header('retry-after', '60'), 429)
  })
}

function sendProblem(reply: FastifyReply, status: ProblemStatus): FastifyReply {
  return reply.code(status).type('application/problem+json').send(problemOf(status))
}

/** Puts a fresh certificate in the running server at half the lifetime of the last one. */
function renewPeriodically(server: Server, ca: MeshCa, { clock, logger }: ServeCaDependencies): { stop(): void } {
  const schedule = () => clock.setTimer(SERVER_LIFETIME_MS / 2, () => void renew(), { unref: true })
  let timer = schedule()
  let stopped = false
  const renew = async () => {
    try {
      const { certificateChain: cert, privateKey: key } = await ca.issueServerIdentity()
      if (!stopped) server.setSecureContext({ ...TLS_OPTIONS, cert, key })
    } catch (error) {
      logger.error({ err: error }, "the certificate of the CA's server could not be renewed")
    }
    if (!stopped) timer = schedule()
  }
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
