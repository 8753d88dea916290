// A bundle decoded with every check and encoded again, beside cborg on the same bytes without any.
import { decode as decodeAlone, encode as encodeAlone } from 'cborg'
import {
  BLOCK_TYPES,
  BUNDLE_FLAGS,
  type Bundle,
  decodeBundle,
  encodeBundle,
  encodeBundleAge,
  encodeHopCount,
  encodePreviousNode,
} from '../bundles/index.ts'
import { type Benchmark, type BenchRow, byTurns, row } from './harness.ts'

const ROUNDS = 40
const COUNT = 2000

/** 1 KiB of payload with the extension blocks that a relay adds, CRC-32C on the primary block and the payload. */
function sample(): Bundle {
  const extension = { flags: 0, crcType: 0 as const }
  return {
    primary: {
      flags: BUNDLE_FLAGS.mustNotFragment,
      crcType: 2,
      destination: 'dtn://collector.north-grid/records',
      source: 'dtn://sensor-1.north-grid/',
      reportTo: 'dtn:none',
      creation: { timeMs: 848_448_000_000, sequence: 7 },
      lifetimeMs: 86_400_000,
    },
    blocks: [
      { ...extension, type: BLOCK_TYPES.previousNode, number: 2, data: encodePreviousNode('dtn://relay.north-grid/') },
      { ...extension, type: BLOCK_TYPES.bundleAge, number: 3, data: encodeBundleAge(1234) },
      { ...extension, type: BLOCK_TYPES.hopCount, number: 4, data: encodeHopCount({ limit: 30, count: 2 }) },
      { flags: 0, crcType: 2, type: BLOCK_TYPES.payload, number: 1, data: new Uint8Array(1024).fill(7) },
    ],
  }
}

/** Microseconds that one of {@link COUNT} jobs takes, one after another. */
async function microseconds(job: () => unknown): Promise<number> {
  const started = performance.now()
  for (let count = 0; count < COUNT; count += 1) job()
  return ((performance.now() - started) * 1000) / COUNT
}

async function bundleCodec(): Promise<BenchRow> {
  const bytes = encodeBundle(sample())
  const turns = {
    rounds: ROUNDS,
    subject: () => microseconds(() => encodeBundle(decodeBundle(bytes))),
    floor: () => microseconds(() => encodeAlone(decodeAlone(bytes))),
  }
  return row({ name: 'bundle-codec', aim: '<= 2', unit: 'µs', ...(await byTurns(turns)) })
}

/** What the checks of a bundle cost. */
export const bundlesBenchmark: Benchmark = {
  name: 'bundles',
  rows: ['bundle-codec'],
  run: async () => [await bundleCodec()],
}
