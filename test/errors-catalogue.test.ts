import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import type { ErrorCatalogue } from '../core/index.ts'
import { ROOMS, ROOT, sourceFiles } from './helpers/sources.ts'

/** Every catalogue exported by a file called errors.ts. */
async function catalogues(): Promise<ErrorCatalogue<string>[]> {
  const files = sourceFiles(ROOMS.filter((room) => existsSync(join(ROOT, room)))).filter((file) =>
    file.path.endsWith('/errors.ts'),
  )
  const modules = await Promise.all(files.map((file) => import(pathToFileURL(join(ROOT, file.path)).href)))
  return modules.flatMap((module) => Object.values(module).filter(isCatalogue))
}

function isCatalogue(value: unknown): value is ErrorCatalogue<string> {
  return typeof value === 'object' && value !== null && 'specs' in value && 'room' in value
}

/** Rows `| \`CODE\` | message | hint |` of docs/errors.md. */
function documented(): Map<string, { message: string; hint: string; action: string }> {
  const rows = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8').matchAll(
    /^\| `([A-Z0-9_]+)` \| (.*?) \| (.*?) \| (.*?) \|$/gm,
  )
  return new Map(
    [...rows].map(([, code = '', message = '', action = '', hint = '']) => [code, { message, action, hint }]),
  )
}

t.test('docs/errors.md and the catalogues say the same', async (t) => {
  const specs = (await catalogues()).flatMap((catalogue) => Object.entries(catalogue.specs))
  const pages = documented()
  t.ok(specs.length > 10, 'catalogues were found')
  for (const [code, spec] of specs) {
    t.same(pages.get(code), { message: spec.message, action: spec.action ?? '', hint: spec.hint ?? '' }, code)
  }
  t.same(
    [...pages.keys()].filter((code) => !specs.some(([known]) => known === code)),
    [],
    'nothing documented that does not exist',
  )
})

t.test('codes are unique and carry the name of their room', async (t) => {
  const seen = new Set<string>()
  for (const catalogue of await catalogues()) {
    for (const code of Object.keys(catalogue.specs)) {
      t.ok(code.startsWith(`${catalogue.room.toUpperCase()}_`), code)
      t.notOk(seen.has(code), `${code} once`)
      seen.add(code)
    }
  }
})

t.test('every code is used outside its catalogue', async (t) => {
  const sources = sourceFiles(ROOMS.filter((room) => existsSync(join(ROOT, room))))
  const text = sources
    .filter((file) => !file.path.endsWith('/errors.ts'))
    .map((file) => readFileSync(join(ROOT, file.path), 'utf8'))
    .join('\n')
  for (const catalogue of await catalogues()) {
    for (const code of Object.keys(catalogue.specs)) t.match(text, code, code)
  }
})
