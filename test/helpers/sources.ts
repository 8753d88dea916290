import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { parseSync, visitorKeys } from 'oxc-parser'

/** Root of the checkout. */
export const ROOT = resolve(import.meta.dirname, '../..')

/** The rooms of the architecture, lowest layer first. */
export const ROOMS = [
  'core',
  'crypto',
  'records',
  'bundles',
  'attestation',
  'envelope',
  'enrollment',
  'ledger',
  'consensus',
  'overlay',
  'airgap-tools',
  'agent',
] as const

/** A source file with what it imports and which ambient things it touches. */
export interface SourceFile {
  /** Path from the root, with slashes. */
  readonly path: string
  /** Module specifiers; relative ones resolved to paths from the root. `import type`, re-exports and `import()` included. */
  readonly imports: readonly string[]
  /** Ambient clock and randomness used, such as `Date.now`. */
  readonly ambient: readonly string[]
}

/** Every TypeScript file below the given folders of the root. */
export function sourceFiles(folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) => list(join(ROOT, folder))).map(read)
}

function list(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true })
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
}

function read(file: string): SourceFile {
  return analyse(relative(ROOT, file), readFileSync(file, 'utf8'))
}

/** What `text`, lying at `path`, imports and touches. */
export function analyse(path: string, text: string): SourceFile {
  const parsed = parseSync(path, text)
  if (parsed.errors.length > 0) throw new Error(`${path}: ${parsed.errors[0]?.message}`)
  const imports: string[] = []
  const ambient: string[] = []
  walk(parsed.program as unknown as Node, (node) => {
    const specifier = specifierOf(node)
    if (specifier !== undefined) imports.push(resolveSpecifier(path, specifier))
    const touched = ambientOf(node)
    if (touched !== undefined) ambient.push(touched)
  })
  return { path, imports, ambient }
}

type Node = { type: string; [key: string]: unknown }

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node)
  for (const key of visitorKeys[node.type] ?? []) {
    const children = Array.isArray(node[key]) ? node[key] : [node[key]]
    for (const child of children) if (child !== null && typeof child === 'object') walk(child as Node, visit)
  }
}

const IMPORTING = [
  'ImportDeclaration',
  'ExportNamedDeclaration',
  'ExportAllDeclaration',
  'ImportExpression',
  'TSImportType',
]

function specifierOf(node: Node): string | undefined {
  if (!IMPORTING.includes(node.type)) return undefined
  const source = (node.source ?? node.argument) as { value?: unknown } | null | undefined
  return typeof source?.value === 'string' ? source.value : undefined
}

function resolveSpecifier(path: string, specifier: string): string {
  return specifier.startsWith('.') ? join(dirname(path), specifier) : specifier
}

const AMBIENT_CALLS = new Set([
  'Date.now',
  'Math.random',
  'performance.now',
  'process.hrtime',
  'setTimeout',
  'setInterval',
  'crypto.getRandomValues',
  'crypto.randomUUID',
  'randomBytes',
  'randomFillSync',
  'randomFill',
  'randomInt',
  'randomUUID',
  'getRandomValues',
])

function ambientOf(node: Node): string | undefined {
  if (
    node.type === 'NewExpression' &&
    nameOf(node.callee as Node) === 'Date' &&
    (node.arguments as unknown[]).length === 0
  ) {
    return 'new Date'
  }
  if (node.type !== 'CallExpression') return undefined
  const name = nameOf(node.callee as Node)?.replace(/^globalThis\./, '')
  return name !== undefined && AMBIENT_CALLS.has(name) ? name : undefined
}

function nameOf(node: Node): string | undefined {
  if (node.type === 'Identifier') return node.name as string
  if (node.type !== 'MemberExpression' || node.computed === true) return undefined
  const object = nameOf(node.object as Node)
  return object === undefined ? undefined : `${object}.${(node.property as Node).name}`
}
