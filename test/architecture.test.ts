import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { analyse, ROOMS, ROOT, type SourceFile, sourceFiles } from './helpers/sources.ts'

type RoomName = (typeof ROOMS)[number]

/** Which rooms each room may import: the table of docs/architecture.md. */
const MAY_IMPORT: Record<RoomName, readonly RoomName[]> = {
  core: [],
  crypto: ['core'],
  records: ['core', 'crypto'],
  bundles: ['core', 'crypto'],
  attestation: ['core', 'crypto'],
  envelope: ['core', 'crypto'],
  enrollment: ['core', 'crypto', 'records', 'attestation'],
  ledger: ['core', 'crypto', 'records'],
  consensus: ['core', 'crypto', 'records', 'ledger'],
  overlay: ['core', 'crypto', 'records', 'bundles'],
  'airgap-tools': ['core', 'crypto', 'records', 'bundles', 'enrollment'],
  agent: ROOMS,
}

const RESTRICTED =
  /^(node:)?(fs|fs\/promises|net|tls|http|https|http2|dgram|child_process|cluster)$|^(libp2p|classic-level|level)$|^@libp2p\/|^@chainsafe\/libp2p/
const MAY_DO_IO = [
  /\/store\//,
  /^core\/tls\//,
  /^bundles\/links\//,
  /^attestation\/tpm\//,
  /^enrollment\/api\//,
  /^overlay\//,
  /^airgap-tools\//,
  /^agent\//,
]
const MAY_USE_AMBIENT = [/^core\//, /^agent\//]

/** Why `file` may not be as it is: one line per broken rule. */
function violations(file: SourceFile): string[] {
  const room = file.path.split('/')[0] as RoomName
  const found: string[] = []
  for (const target of file.imports) found.push(...importViolations(file, room, target))
  if (!MAY_USE_AMBIENT.some((allowed) => allowed.test(file.path))) {
    for (const name of file.ambient) found.push(`${file.path} uses ${name}: take a Clock or a RandomSource from core`)
  }
  return found
}

function importViolations(file: SourceFile, room: RoomName, target: string): string[] {
  if (RESTRICTED.test(target) && !MAY_DO_IO.some((allowed) => allowed.test(file.path))) {
    return [
      `${file.path} imports ${target}: input and output live in store, core/tls, links, tpm, api, overlay, airgap-tools and agent`,
    ]
  }
  const targetRoom = ROOMS.find((name) => target.startsWith(`${name}/`))
  if (targetRoom === undefined) {
    return /^(test|bench|docs|examples|scripts)\//.test(target)
      ? [`${file.path} imports ${target}: nothing imports test, bench, docs or examples`]
      : []
  }
  if (targetRoom === room) return []
  if (!MAY_IMPORT[room].includes(targetRoom))
    return [`${file.path} imports ${target}: ${room} may not know ${targetRoom}`]
  return target.endsWith('/index.ts')
    ? []
    : [`${file.path} imports ${target}: other rooms are entered through index.ts`]
}

/** Files that reach each other by imports, types included: one sorted group for each tangle. */
function importCycles(files: readonly SourceFile[]): string[][] {
  const importsOf = new Map(files.map(({ path, imports }) => [path, imports]))
  const reached = new Map(files.map(({ path }) => [path, reach(path, importsOf)]))
  const groups = files
    .filter(({ path }) => reached.get(path)?.has(path))
    .map(({ path }) => [...(reached.get(path) ?? [])].filter((other) => reached.get(other)?.has(path)).sort())
  return [...new Map(groups.map((group) => [group.join(), group])).values()]
}

/** Every file that `from` comes to by one import or more. */
function reach(from: string, importsOf: ReadonlyMap<string, readonly string[]>): Set<string> {
  const seen = new Set<string>()
  const left = [from]
  for (let path = left.pop(); path !== undefined; path = left.pop()) {
    const next = (importsOf.get(path) ?? []).filter((target) => importsOf.has(target) && !seen.has(target))
    for (const target of next) seen.add(target)
    left.push(...next)
  }
  return seen
}

const present = ROOMS.filter((room) => existsSync(join(ROOT, room)))
const files = sourceFiles(present)

t.test('every room keeps to the import table, the I/O folders and injected time', async (t) => {
  t.ok(files.length > 20, 'the sources were found')
  t.same(files.flatMap(violations), [])
})

t.test('no files import each other in a circle, not even for a type', async (t) => {
  t.same(importCycles(files), [], 'what both need belongs in a file below them')
})

t.test('circles are seen', async (t) => {
  const cyclesOf = (texts: Record<string, string>) =>
    importCycles(Object.entries(texts).map(([path, text]) => analyse(path, text)))
  const chain = { 'core/a.ts': "import { b } from './b.ts'", 'core/b.ts': "export { c } from './c.ts'" }
  t.same(cyclesOf({ ...chain, 'core/c.ts': "import { x } from 'node:util'" }), [])
  t.same(cyclesOf({ ...chain, 'core/c.ts': "import type { B } from './b.ts'" }), [['core/b.ts', 'core/c.ts']])
  t.same(cyclesOf({ ...chain, 'core/c.ts': "type A = import('./a.ts').A" }), [['core/a.ts', 'core/b.ts', 'core/c.ts']])
  t.same(cyclesOf({ 'core/a.ts': "import { a } from './a.ts'" }), [['core/a.ts']], 'a file and itself')
})

t.test('every room has a front door', async (t) => {
  for (const room of present) t.ok(existsSync(join(ROOT, room, 'index.ts')), `${room}/index.ts`)
})

t.test('broken rules are seen', async (t) => {
  const seen = (path: string, text: string) => violations(analyse(path, text)).length
  t.equal(seen('core/x.ts', "import { x } from '../crypto/index.ts'"), 1, 'an import that goes up')
  t.equal(seen('records/x.ts', "import type { X } from '../ledger/index.ts'"), 1, 'a type import that goes up')
  t.equal(seen('records/x.ts', "type X = import('../ledger/index.ts').X"), 1, 'an inline type import')
  t.equal(seen('overlay/x.ts', "import { x } from '../enrollment/index.ts'"), 1, 'overlay and enrollment')
  t.equal(seen('ledger/x.ts', "export { x } from '../records/verify.ts'"), 1, 'a re-export past the front door')
  t.equal(seen('ledger/x.ts', "const x = await import('node:fs')"), 1, 'a dynamic import of the disk')
  t.equal(seen('ledger/store/x.ts', "import { x } from 'node:fs'"), 0, 'a store may use the disk')
  t.equal(seen('overlay/x.ts', 'setTimeout(() => Date.now(), Math.random())'), 3, 'ambient time and randomness')
  t.equal(seen('records/x.ts', 'const x = new Date(); const y = new Date(0)'), 1, 'new Date() without argument')
  t.equal(seen('records/x.ts', "import { x } from '../test/helpers/sources.ts'"), 1, 'tests are not imported')
})
