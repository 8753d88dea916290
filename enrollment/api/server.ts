import type { Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type Clock, checkOptionKeys, checkWholeNumber, type Logger } from '../../core/index.ts'
import { ENROLLMENT_ERRORS } from '../errors.ts'
import { MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ADDRESS } from '../limits.ts'
import type { MeshCa } from '../store/index.ts'
import { createApp } from './app.ts'
import { addRoutes } from './app-routes.ts'
import { guardConnections } from './connection-guard.ts'
import { operationsOf } from './operations.ts'
import { connectionPace, requestLimiter, tokenLimiter } from './rate-limits.ts'
import { renewPeriodically } from './server-renewal.ts'

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

/**
 * Serves the enrolment API over HTTPS, with a certificate under the mesh's root and the root in its chain. Loads the HTTP
 * framework when called.
 * @throws ENROLLMENT_LISTEN
 */
export async function serveCa(options: ServeCaOptions, dependencies: ServeCaDependencies): Promise<CaServer> {
  const { ca, host = '127.0.0.1', port = 8443 } = checkServeOptions(options)
  const { deadlineMs = DEFAULT_DEADLINE_MS, connectionsPerAddress = MAX_CONNECTIONS_PER_ADDRESS } = options
  const identity = await ca.issueServerIdentity()
  const limiter = requestLimiter(options, dependencies)
  const app = await createApp({ identity, deadlineMs, limiter }, dependencies)
  const server = app.server as unknown as Server
  server.maxConnections = MAX_CONNECTIONS
  const share = { maxPerAddress: connectionsPerAddress, handshakeMs: deadlineMs, ...connectionPace(options) }
  const guard = guardConnections(server, share, dependencies)
  const url = () => options.publicUrl ?? urlOf(server.address() as AddressInfo)
  const tokens = tokenLimiter(options, dependencies)
  addRoutes(app, ca, operationsOf({ ca, ...dependencies, tokens, crlUrl: () => `${url()}/v1/crl` }))
  await app.listen({ host, port }).catch(async (cause) => {
    await app.close()
    throw ENROLLMENT_ERRORS.create('ENROLLMENT_LISTEN', { cause, detail: `${host}:${port}` })
  })
  const renewal = renewPeriodically(server, ca, dependencies)
  return {
    url: url(),
    async close() {
      renewal.stop()
      guard.close()
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

function urlOf({ address, family, port }: AddressInfo): string {
  return `https://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
