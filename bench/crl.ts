// Revocation lists of 100,000 entries, beside shorter ones: what grows with the list, and what must not.
import { systemClock } from '../core/index.ts'
import {
  type CrlContent,
  parseCrl,
  RevocationIndex,
  type RevokedEntries,
  revokedEntries,
  writeCrl,
} from '../enrollment/crl/index.ts'
import { type AuthorityKeys, issueRoot } from '../enrollment/index.ts'
import { PathCache, type RevocationView, validatePath } from '../records/path/index.ts'
import { type Benchmark, type BenchRow, byTurns, microsecondsEach, row, timeMs } from './harness.ts'
import { type BenchMesh, makeMesh } from './mesh.ts'

const LONG = 100_000
const MEDIUM = 10_000
const SHORT = 100
const DAY_MS = 86_400_000
const NODES = 8
const PATHS_PER_TURN = 4000

/** Entries with everything that a CA writes, as random as real ones. */
function entriesOf(count: number, { random }: Pick<BenchMesh, 'random'>): RevokedEntries {
  const revokedAtMs = systemClock().now()
  const bytes = random.bytes(count * 52)
  const one = (_: unknown, at: number) => {
    const [serialNumber, keyHash] = [bytes.slice(at * 52, at * 52 + 20), bytes.slice(at * 52 + 20, at * 52 + 52)]
    serialNumber[0] = ((serialNumber[0] ?? 0) & 0x3f) | 0x40
    return { serialNumber, keyHash, revokedAtMs, reason: 'keyCompromise' } as const
  }
  return revokedEntries(Array.from({ length: count }, one))
}

interface BenchCa {
  readonly keys: AuthorityKeys
  contentOf(count: number): CrlContent
}

async function makeCa({ name, provider, random }: BenchMesh): Promise<BenchCa> {
  const keys = { main: await provider.generate('ml-dsa-87'), alternative: await provider.generate('ecdsa-p384') }
  const thisUpdateMs = systemClock().now()
  const { certificate } = await issueRoot({ mesh: name, nowMs: thisUpdateMs, keys }, { random })
  const facts = {
    issuerName: certificate.subjectName,
    authorityKeyId: certificate.subjectKeyId,
    number: 1n,
    thisUpdateMs,
    nextUpdateMs: thisUpdateMs + DAY_MS,
  }
  return { keys, contentOf: (count) => ({ ...facts, entries: entriesOf(count, { random }) }) }
}

/** Ten in a row take as long as the one long list, so that whatever else runs on the machine falls on both alike. */
function meanOfTen(job: () => Promise<unknown>): () => Promise<number> {
  return async () => (await microsecondsEach(10, 1, job)) / 1000
}

async function codecRows(ca: BenchCa): Promise<BenchRow[]> {
  const [long, medium] = [ca.contentOf(LONG), ca.contentOf(MEDIUM)]
  const [longDer, mediumDer] = [await writeCrl(long, ca.keys), await writeCrl(medium, ca.keys)]
  const writing = (content: CrlContent) => () => writeCrl(content, ca.keys)
  const reading = (der: Uint8Array) => async () => parseCrl(der)
  const rounds = 12
  const once = (job: () => Promise<unknown>) => () => timeMs(job)
  const write = await byTurns({ rounds, subject: once(writing(long)), floor: meanOfTen(writing(medium)) })
  const read = await byTurns({ rounds, subject: once(reading(longDer)), floor: meanOfTen(reading(mediumDer)) })
  return [
    row({ name: 'crl-write', aim: '<= 12', unit: 'ms', ...write }),
    row({ name: 'crl-read', aim: '<= 12', unit: 'ms', ...read }),
  ]
}

/** What a member knows after one list of the mesh's root with `count` entries, none of which is about a node here. */
function revocationsOf(count: number, mesh: BenchMesh, ca: BenchCa): RevocationView {
  const content = ca.contentOf(count)
  const authorityKeyId = mesh.root.subjectKeyId
  const index = new RevocationIndex()
  index.addAuthority(authorityKeyId)
  const facts = {
    kind: 'full',
    baseNumber: undefined,
    pseudonym: undefined,
    hash: new Uint8Array(32),
    sizeBytes: 0,
  } as const
  index.apply({ ...content, ...facts, authorityKeyId }, content.thisUpdateMs)
  return index
}

/** Paths whose signatures were verified before, as in every handshake of nodes that met: the look-up weighs most there. */
async function lookupRow(mesh: BenchMesh, ca: BenchCa): Promise<BenchRow> {
  const { provider, nodes, policy } = mesh
  const dependencies = { provider, cache: new PathCache() }
  const atMs = systemClock().now()
  const validating = (revocations: RevocationView) => () =>
    microsecondsEach(PATHS_PER_TURN, 1, (at) =>
      validatePath({ chain: nodes[at % NODES]!.chain, atMs, revocations, policy }, dependencies),
    )
  const subject = validating(revocationsOf(LONG, mesh, ca))
  const floor = validating(revocationsOf(SHORT, mesh, ca))
  const name = 'revocation-lookup'
  return row({ name, aim: '<= 1.2', unit: 'µs', ...(await byTurns({ rounds: 40, subject, floor })) })
}

/** Whether revocation lists stay cheap when they are long. */
export const crlBenchmark: Benchmark = {
  name: 'crl',
  rows: ['crl-write', 'crl-read', 'revocation-lookup'],
  async run() {
    const mesh = await makeMesh(NODES)
    const ca = await makeCa(mesh)
    return [...(await codecRows(ca)), await lookupRow(mesh, ca)]
  },
}
