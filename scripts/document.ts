// Writes the reference pages that come from the code: docs/errors.md, docs/limits.md, docs/configuration.md.
// Run after changing what they describe: npm run docs
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { configurationReference } from '../agent/config/index.ts'
import { errorsPage, limitsPage } from './reference-pages.ts'

const docs = join(import.meta.dirname, '../docs')
writeFileSync(join(docs, 'errors.md'), await errorsPage())
writeFileSync(join(docs, 'limits.md'), await limitsPage())
writeFileSync(join(docs, 'configuration.md'), configurationReference())
