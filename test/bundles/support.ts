import {
  BLOCK_TYPES,
  BUNDLE_FLAGS,
  type Bundle,
  type BundleQueue,
  type BundleQueueDependencies,
  type BundleQueueOptions,
  type CanonicalBlock,
  type CrcType,
  DTN_EPOCH_MS,
  encodeBundle,
  encodeBundleAge,
  openBundleQueue,
  type PrimaryBlock,
  type WaitingQuery,
} from '../../bundles/index.ts'
import { MAX_PEEK } from '../../bundles/limits.ts'
import { SimulatedClock, systemRandom, utf8 } from '../../core/index.ts'
import { type Database, openDatabase } from '../../core/store/index.ts'
import { createSealer } from '../../crypto/index.ts'

export const sealer = createSealer(new Uint8Array(32).fill(5), systemRandom())

/** Wall-clock time at which the test bundles are made. */
export const NOW_MS = Date.UTC(2026, 10, 20)

export interface BundleSpec {
  primary?: Partial<PrimaryBlock>
  payload?: string
  extensions?: readonly CanonicalBlock[]
}

/** A block of `type` with data. */
export function block(type: number, number: number, data: Uint8Array, crcType: CrcType = 0): CanonicalBlock {
  return { type, number, flags: 0, crcType, data }
}

/** A valid bundle from `sensor-1` to `collector`, ten seconds to live. */
export function bundle(spec: BundleSpec = {}): Bundle {
  const primary: PrimaryBlock = {
    flags: BUNDLE_FLAGS.mustNotFragment,
    crcType: 2,
    destination: 'dtn://collector.north-grid/records',
    source: 'dtn://sensor-1.north-grid/',
    reportTo: 'dtn:none',
    creation: { timeMs: NOW_MS - DTN_EPOCH_MS, sequence: 0 },
    lifetimeMs: 10_000,
    ...spec.primary,
  }
  const payload = block(BLOCK_TYPES.payload, 1, utf8(spec.payload ?? 'payload'), 2)
  return { primary, blocks: [...(spec.extensions ?? []), payload] }
}

/** Bytes of {@link bundle} number `sequence`. */
export function numbered(sequence: number, spec: BundleSpec = {}): Uint8Array {
  const creation = { timeMs: NOW_MS - DTN_EPOCH_MS, sequence }
  return encodeBundle(bundle({ ...spec, primary: { ...spec.primary, creation } }))
}

/** Bytes of a bundle from a node without a clock, so old. */
export function aged(sequence: number, ageMs: number): Uint8Array {
  const extensions = [block(BLOCK_TYPES.bundleAge, 2, encodeBundleAge(ageMs))]
  return encodeBundle(bundle({ primary: { creation: { timeMs: 0, sequence } }, extensions }))
}

type QueueDependencies = BundleQueueDependencies & { clock: SimulatedClock }

/** Where the test bundles go. */
export const COLLECTOR = 'dtn://collector.north-grid/records'

/** Sequence numbers of the bundles that wait in `scope`, in the order in which they would leave. */
export async function sequences(
  { queue }: Pick<TestQueue, 'queue'>,
  scope: WaitingQuery['scope'] = { node: COLLECTOR },
) {
  const found: number[] = []
  for (const { id } of await queue.waiting({ scope, limit: MAX_PEEK })) {
    const queued = await queue.get(id)
    if (queued !== undefined) found.push(queued.bundle.primary.creation.sequence)
  }
  return found
}

/** Waits for the work that a timer began. */
export async function settled({ queue }: Pick<TestQueue, 'queue'>): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) {
    await queue.remove(new Uint8Array(32))
    await new Promise((resolve) => setImmediate(resolve))
  }
}

export interface TestQueue {
  readonly queue: BundleQueue
  readonly database: Database
  readonly clock: SimulatedClock
  readonly errors: unknown[]
}

export async function openQueue(
  path: string,
  options: BundleQueueOptions & Partial<Pick<QueueDependencies, 'clock' | 'clockTrusted' | 'freeBytes'>> = {},
): Promise<TestQueue> {
  const { clock = new SimulatedClock(NOW_MS), clockTrusted = () => true, freeBytes, ...rest } = options
  const database = await openDatabase(path)
  const errors: unknown[] = []
  const onError = (error: unknown) => void errors.push(error)
  const more = freeBytes === undefined ? {} : { freeBytes }
  const queue = await openBundleQueue(rest, { database, sealer, clock, clockTrusted, onError, ...more })
  return { queue, database, clock, errors }
}

export async function closeQueue({ queue, database }: TestQueue): Promise<void> {
  await queue.close()
  await database.close()
}

/** Bytes of bundle `number` of the crash tests: a long life, and every seventh too large for the database. */
export function crashBundle(number: number): Uint8Array {
  const payload = number % 7 === 0 ? `${number} `.repeat(80_000).slice(0, 80_000) : `payload ${number}`
  return numbered(number, { primary: { lifetimeMs: 1e9 }, payload })
}
