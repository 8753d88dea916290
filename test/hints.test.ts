import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { type CliIo, runCli } from '../agent/cli/index.ts'
import { isCatalogue } from '../scripts/reference-pages.ts'
import { ROOMS, ROOT, sourceFiles } from './helpers/sources.ts'

/** A command line at the beginning of a text or line, after a colon, a comma or `then`. */
const COMMAND = /(?:^ *|[:,.] |then )gapmesh ((?:[a-z]+ )*[a-z]+)/gm

const helps = new Map<string, Promise<string>>()

function helpOf(words: readonly string[]): Promise<string> {
  const key = words.join(' ')
  if (!helps.has(key)) helps.set(key, printHelp(words))
  return helps.get(key) ?? Promise.resolve('')
}

async function printHelp(words: readonly string[]): Promise<string> {
  const out = new PassThrough()
  const io = { stdout: out, stderr: out, env: {}, workingDirectory: ROOT } as unknown as CliIo
  await runCli([...words, '--help'], {
    version: '',
    io,
    loadActions: () => Promise.reject(new Error('help needs none')),
  })
  return String(out.read() ?? '')
}

/** Undefined when the words begin with a command; else the first word that is none. */
async function unknownWord(words: readonly string[]): Promise<string | undefined> {
  for (let depth = 0; ; depth += 1) {
    const [, listed = ''] = (await helpOf(words.slice(0, depth))).split('Commands:\n')
    const verbs = [...listed.matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name)
    if (verbs.length === 0) return undefined
    if (words[depth] === undefined) return depth === 1 ? undefined : ''
    if (!verbs.includes(words[depth])) return words[depth]
  }
}

async function hints(): Promise<[where: string, text: string][]> {
  const rooms = ROOMS.filter((room) => existsSync(join(ROOT, room)))
  const files = sourceFiles(rooms).filter(({ path }) => path.endsWith('/errors.ts'))
  const modules: Record<string, unknown>[] = await Promise.all(
    files.map(({ path }) => import(pathToFileURL(join(ROOT, path)).href)),
  )
  const specs = modules
    .flatMap((module) => Object.values(module).filter(isCatalogue))
    .flatMap(({ specs }) => Object.entries(specs))
  return specs.map(([code, { hint = '' }]) => [code, hint])
}

/** Fenced blocks and spans, one a line. */
function codeOf(page: string): string {
  return [...page.matchAll(/```sh\n([\s\S]*?)```|`([^`]+)`/g)].map(([, block, span]) => block ?? span).join('\n')
}

function documents(): [where: string, text: string][] {
  const operations = readdirSync(join(ROOT, 'docs/operations')).map((name) => `docs/operations/${name}`)
  return ['README.md', 'SECURITY.md', ...operations].map((path) => [
    path,
    codeOf(readFileSync(join(ROOT, path), 'utf8')),
  ])
}

t.test('every command that a hint or a page names is there', async (t) => {
  let found = 0
  for (const [where, text] of [...(await hints()), ...documents()]) {
    for (const [, line = ''] of text.matchAll(COMMAND)) {
      found += 1
      t.equal(await unknownWord(line.split(' ')), undefined, `${where}: gapmesh ${line}`)
    }
  }
  t.ok(found > 60, `${found} were found`)
})
