import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import type { ErrorCatalogue } from '../core/index.ts'
import { errorsPage, isCatalogue, limitsPage } from '../scripts/reference-pages.ts'
import { ROOMS, ROOT, sourceFiles } from './helpers/sources.ts'

const sources = sourceFiles(ROOMS.filter((room) => existsSync(join(ROOT, room))))

async function exportsOf(fileName: string): Promise<[path: string, exports: Record<string, unknown>][]> {
  const files = sources.filter((file) => file.path.endsWith(`/${fileName}`))
  return Promise.all(
    files.map(async ({ path }) => [path, await import(pathToFileURL(join(ROOT, path)).href)] as const),
  ).then((all) => all.map(([path, module]) => [path, module]))
}

async function catalogues(): Promise<ErrorCatalogue<string>[]> {
  return (await exportsOf('errors.ts')).flatMap(([, module]) => Object.values(module).filter(isCatalogue))
}

const textOf = (files: typeof sources) => files.map((file) => readFileSync(join(ROOT, file.path), 'utf8')).join('\n')

t.test('docs/errors.md and docs/limits.md say what the code says (npm run docs)', async (t) => {
  t.equal(readFileSync(join(ROOT, 'docs/errors.md'), 'utf8'), await errorsPage())
  t.equal(readFileSync(join(ROOT, 'docs/limits.md'), 'utf8'), await limitsPage())
})

t.test('codes are unique, carry the name of their room and are used', async (t) => {
  const text = textOf(sources.filter((file) => !file.path.endsWith('/errors.ts')))
  const seen = new Set<string>()
  for (const catalogue of await catalogues()) {
    for (const code of Object.keys(catalogue.specs)) {
      t.ok(code.startsWith(`${catalogue.room.toUpperCase()}_`), `${code} begins with its room`)
      t.notOk(seen.has(code), `${code} stands once`)
      t.match(text, code, `${code} is used`)
      seen.add(code)
    }
  }
  t.ok(seen.size > 100, 'the catalogues were found')
})

t.test('every limit is documented and used', async (t) => {
  const page = await limitsPage()
  const text = textOf(sources.filter((file) => !file.path.endsWith('/limits.ts')))
  for (const [path, module] of await exportsOf('limits.ts')) {
    for (const name of Object.keys(module)) {
      t.match(page, `\`${name}\``, `${path}: ${name} has a comment`)
      t.match(text, name, `${path}: ${name} is used`)
    }
  }
})
