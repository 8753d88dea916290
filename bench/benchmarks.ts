import { agentBenchmark } from './agent.ts'
import { bundlesBenchmark } from './bundles.ts'
import { crlBenchmark } from './crl.ts'
import { enrollBenchmark } from './enroll.ts'
import { handshakeBenchmark } from './handshake.ts'
import type { Benchmark } from './harness.ts'
import { ledgerBenchmark } from './ledger.ts'
import { linksBenchmark } from './link.ts'
import { recordsBenchmark } from './records.ts'
import { stormBenchmark } from './storm.ts'
import { tcpclBenchmark } from './tcpcl.ts'

/** Every benchmark, in the order in which they run. */
export const BENCHMARKS: readonly Benchmark[] = [
  recordsBenchmark,
  ledgerBenchmark,
  stormBenchmark,
  handshakeBenchmark,
  linksBenchmark,
  bundlesBenchmark,
  crlBenchmark,
  enrollBenchmark,
  tcpclBenchmark,
  agentBenchmark,
]
