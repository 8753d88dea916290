import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, BlockList, isIP } from 'node:net'
import type { Registry } from 'prom-client'
import { parseListenAddress } from '../config/values.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { MAX_METRICS_CONNECTIONS } from '../limits.ts'
import { createRegistry, type MetricDefinition } from './registry.ts'

export interface MetricsServerOptions {
  /** `HOST:PORT`; port 0 takes a free one. */
  readonly listen: string
  /** True to allow an address that other hosts can reach. */
  readonly allowRemote: boolean
  /** How long a request may take to arrive, and its answer to be read, in milliseconds. Default 10,000. */
  readonly deadlineMs?: number
}

const DEFAULT_DEADLINE_MS = 10_000

/** How often Node looks for requests that take too long to arrive. */
const REQUEST_CHECK_MS = 500

/** The served page. */
export interface MetricsServer {
  readonly url: string
  close(): Promise<void>
}

/**
 * Serves `/metrics` in the Prometheus text format.
 * @throws AGENT_METRICS_ADDRESS for an address that is not loopback, AGENT_METRICS_LISTEN
 */
export async function serveMetrics(
  options: MetricsServerOptions,
  dependencies: { definitions: readonly MetricDefinition[] },
): Promise<MetricsServer> {
  const { listen, allowRemote, deadlineMs = DEFAULT_DEADLINE_MS } = options
  const address = parseListenAddress(listen)
  if (address === undefined) throw AGENT_ERRORS.create('AGENT_METRICS_LISTEN', { detail: listen })
  if (!allowRemote && !isLoopback(address.host)) throw AGENT_ERRORS.create('AGENT_METRICS_ADDRESS', { detail: listen })
  const registry = createRegistry(dependencies.definitions)
  const server = createServer(
    {
      requestTimeout: deadlineMs,
      headersTimeout: deadlineMs,
      connectionsCheckingInterval: REQUEST_CHECK_MS,
      maxHeaderSize: 8192,
    },
    (request, response) => answer(request, response, registry),
  )
  server.maxConnections = MAX_METRICS_CONNECTIONS
  // Whoever does not read what it asked for keeps its connection no longer.
  server.setTimeout(deadlineMs)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(AGENT_ERRORS.create('AGENT_METRICS_LISTEN', { detail: listen, cause })))
    server.listen(address, resolve)
  })
  const bound = server.address() as AddressInfo
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address
  return {
    url: `http://${host}:${bound.port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, registry: Registry): Promise<void> {
  const path = request.url?.split('?', 1)[0]
  if (path !== '/metrics') return end(response, 404, 'Metrics are at /metrics.\n')
  if (request.method !== 'GET' && request.method !== 'HEAD') return end(response, 405, 'Only GET.\n')
  try {
    const body = await registry.metrics()
    response.setHeader('content-type', registry.contentType)
    end(response, 200, body)
  } catch {
    end(response, 500, 'A metric cannot be read.\n')
  }
}

function end(response: ServerResponse, status: number, body: string): void {
  response.statusCode = status
  response.end(body)
}

function isLoopback(host: string): boolean {
  if (host === 'localhost') return true
  const loopback = new BlockList()
  loopback.addSubnet('127.0.0.0', 8, 'ipv4')
  loopback.addAddress('::1', 'ipv6')
  const family = isIP(host)
  return family !== 0 && loopback.check(host, family === 6 ? 'ipv6' : 'ipv4')
}
