import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ErrorCatalogue } from '../core/index.ts'

const ROOT = join(import.meta.dirname, '..')

const ERRORS_INTRO = `# Errors

Every failure that gapmesh foresees has a code. A command prints its message and, where there is one, the hint; with \`--json\` it prints the code too.
The action says what happens to a message from a peer that fails so: \`reject\` is held against the sender, \`ignore\` is not (another node might rightly accept it).
`

const LIMITS_INTRO = `# Limits

Every cap, where it lies, and its value. Whatever comes from outside meets its cap before it is decoded; each cap has a test that exceeds it.
`

function roomFiles(name: string): string[] {
  return globSync(`*/**/${name}`, { cwd: ROOT, exclude: ['node_modules/**', 'dist/**'] }).sort()
}

/** Text of docs/errors.md, from the rooms' catalogues. */
export async function errorsPage(): Promise<string> {
  const sections = [ERRORS_INTRO]
  for (const file of roomFiles('errors.ts')) {
    const module = await import(pathToFileURL(join(ROOT, file)).href)
    for (const catalogue of Object.values(module).filter(isCatalogue)) {
      sections.push(`## ${file.replace('/errors.ts', '')}\n\n| code | message | action | hint |\n|---|---|---|---|`)
      for (const [code, spec] of Object.entries(catalogue.specs)) {
        sections.push(`| \`${code}\` | ${spec.message} | ${spec.action ?? ''} | ${spec.hint ?? ''} |`)
      }
      sections.push('')
    }
  }
  return `${sections.join('\n').trimEnd()}\n`
}

/** True for a catalogue made by `defineErrors`. */
export function isCatalogue(value: unknown): value is ErrorCatalogue<string> {
  return typeof value === 'object' && value !== null && 'specs' in value && 'room' in value
}

const LIMIT = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*export const ([A-Z0-9_]+)\b/g

/** Text of docs/limits.md: name, value and comment of every constant in the rooms' `limits.ts`. */
export async function limitsPage(): Promise<string> {
  const sections = [LIMITS_INTRO]
  for (const file of roomFiles('limits.ts')) {
    const module: Record<string, unknown> = await import(pathToFileURL(join(ROOT, file)).href)
    sections.push(`## ${file.replace('/limits.ts', '')}\n\n| limit | value | what |\n|---|---|---|`)
    for (const [, comment = '', name = ''] of readFileSync(join(ROOT, file), 'utf8').matchAll(LIMIT)) {
      sections.push(`| \`${name}\` | ${valueText(module[name])} | ${commentText(comment)} |`)
    }
    sections.push('')
  }
  return `${sections.join('\n').trimEnd()}\n`
}

function valueText(value: unknown): string {
  if (typeof value === 'number') return value.toLocaleString('en-US')
  return `\`${JSON.stringify(value)}\``
}

function commentText(comment: string): string {
  const text = comment.replaceAll(/\s*\n\s*\*\s?/g, ' ').replaceAll(/\{@link ([^}]+)\}/g, '`$1`')
  return text.replaceAll('|', '\\|').trim()
}
