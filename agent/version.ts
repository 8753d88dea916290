import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * When this release was made, in milliseconds since the Unix epoch: no node that runs it is earlier. Raised with every release.
 */
export const RELEASED_AT_MS = Date.UTC(2026, 10, 1)

/** This release's version, from the package it was started from: the checkout's or the installed one's. */
export function packageVersion(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const found = readPackage(join(folder, 'package.json'))
    if (found?.name === 'gapmesh') return String(found.version)
    if (dirname(folder) === folder) return 'unknown'
  }
}

function readPackage(path: string): { name?: unknown; version?: unknown } | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}
