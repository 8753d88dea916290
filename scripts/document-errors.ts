// Writes docs/errors.md from the rooms' catalogues. Run after changing one: npm run docs:errors
import { globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ErrorCatalogue } from '../core/index.ts'

const root = join(import.meta.dirname, '..')
const INTRO = `# Errors

Every failure that gapmesh foresees has a code. A command prints its message and, where there is one, the hint; with \`--json\` it prints the code too.
The action says what happens to a message from a peer that fails so: \`reject\` is held against the sender, \`ignore\` is not (another node might rightly accept it).
`

const sections: string[] = [INTRO]
for (const file of globSync('*/**/errors.ts', { cwd: root, exclude: ['node_modules/**', 'dist/**'] }).sort()) {
  const module = await import(pathToFileURL(join(root, file)).href)
  for (const catalogue of Object.values(module) as ErrorCatalogue<string>[]) {
    if (typeof catalogue !== 'object' || !('specs' in catalogue)) continue
    sections.push(`## ${file.replace('/errors.ts', '')}\n\n| code | message | action | hint |\n|---|---|---|---|`)
    for (const [code, spec] of Object.entries(catalogue.specs)) {
      sections.push(`| \`${code}\` | ${spec.message} | ${spec.action ?? ''} | ${spec.hint ?? ''} |`)
    }
    sections.push('')
  }
}
writeFileSync(join(root, 'docs/errors.md'), `${sections.join('\n').trimEnd()}\n`)
