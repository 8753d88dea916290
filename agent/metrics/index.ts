/**
 * The Prometheus page. In: definitions whose values are pulled from snapshots when the page is asked for. Out:
 * `/metrics` over HTTP, on loopback unless remote access was allowed. Import it only when `metrics.listen` is set.
 */
export { type IngestSnapshots, ingestMetrics } from './ingest-metrics.ts'
export { createRegistry, type MetricDefinition, type Sample } from './registry.ts'
export { type MetricsServer, type MetricsServerOptions, serveMetrics } from './server.ts'
