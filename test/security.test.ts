import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from './helpers/sources.ts'

t.test('SECURITY.md names tests that are there', (t) => {
  const page = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8')
  const section = page.slice(page.indexOf('## Attacks that are tested'))
  const rows = [...section.matchAll(/^\| (.+) \| \[(.+)\]\((.+)\) \| (.+) \|$/gm)]
  t.ok(rows.length > 35, `${rows.length} rows`)
  t.equal(rows.length, section.match(/^\| /gm)!.length - 1, 'every row but the first was read')
  for (const [, attack = '', text, path = '', title = ''] of rows) {
    t.equal(path, `test/${text}`, attack)
    const source = readFileSync(join(ROOT, path), 'utf8').replaceAll("\\'", "'")
    const isTitle = ["'", '"', '`'].some((quote) => source.includes(`${quote}${title}${quote}`))
    t.ok(isTitle, `${path} has "${title}"`)
  }
  t.end()
})
