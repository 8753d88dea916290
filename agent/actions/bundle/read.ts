import { type Bundle, type CrcType, decodeBundle, isSingleton } from '../../../bundles/codec/index.ts'
import { isGapmeshError } from '../../../core/index.ts'
import type { Action, BundleFileOptions } from '../../cli/index.ts'
import { pairs, table, timeText } from '../../cli/index.ts'
import { readBundleInput } from './input.ts'
import { bundleToJson, typeName } from './json.ts'

const CRC_NAMES: Readonly<Record<CrcType, string>> = { 0: 'none', 1: 'CRC-16/X-25', 2: 'CRC-32C' }

/** Bytes of data that the table shows. */
const SHOWN_BYTES = 32

/** `gapmesh bundle decode`: every field of a bundle. */
export const bundleDecode: Action<BundleFileOptions> = async ({ input, policy }, context) => {
  const bytes = await readBundleInput(input, context)
  const json = bundleToJson(decodeBundle(bytes, { relaxed: policy === 'relaxed' }))
  const document = { policy, bytes: bytes.length, ...json }
  context.result(document, textOf(document))
  return 0
}

type Document = ReturnType<typeof bundleToJson> & { readonly policy: string; readonly bytes: number }

function textOf({ policy, bytes, id, createdMs, primary, blocks }: Document): string {
  const { flags, fragment, creation, lifetimeMs, destination } = primary
  const created = createdMs === undefined ? 'at a time that its source does not know' : timeText(createdMs)
  const head = pairs([
    ['bundle', `${bytes} bytes, version 7, policy ${policy}`],
    ['id', id],
    ['source', primary.source],
    ['destination', `${destination}${isSingleton(destination) ? '' : ' (not one single node)'}`],
    ['report to', primary.reportTo],
    ['created', `${created}, ${creation.timeMs} ms since 2000, sequence ${creation.sequence}`],
    ['lifetime', `${lifetimeMs} ms${createdMs === undefined ? '' : `, until ${timeText(createdMs + lifetimeMs)}`}`],
    ['flags', flagText(flags, primary.flagNames)],
    ['CRC', `${CRC_NAMES[primary.crcType]}${primary.crcType === 0 ? '' : ', right'}`],
    ...(fragment ? [['fragment', `from byte ${fragment.offset} of ${fragment.totalLength} bytes`] as const] : []),
  ])
  const rows = blocks.map((block) => [
    String(block.number),
    `${block.type} ${block.typeName}`,
    flagText(block.flags, block.flagNames),
    CRC_NAMES[block.crcType],
    String(block.data.length / 2),
    block.content === undefined ? shortened(block.data) : JSON.stringify(block.content),
  ])
  return `${head}\n\n${table(['BLOCK', 'TYPE', 'FLAGS', 'CRC', 'BYTES', 'CONTENT'], rows)}`
}

function flagText(flags: number, names: readonly string[]): string {
  return [`0x${flags.toString(16)}`, ...names].join(' ')
}

function shortened(hex: string): string {
  return hex.length > 2 * SHOWN_BYTES ? `${hex.slice(0, 2 * SHOWN_BYTES)}…` : hex
}

interface Check {
  readonly check: string
  readonly outcome: 'passed' | 'failed' | 'absent' | 'not checked'
  readonly detail?: string
}

/** `gapmesh bundle verify`: which checks a bundle passes. A bundle that cannot be read at all is refused. */
export const bundleVerify: Action<BundleFileOptions> = async ({ input, policy }, context) => {
  const bytes = await readBundleInput(input, context)
  const bundle = decodeBundle(bytes, { relaxed: true })
  const refusal = strictRefusal(bytes)
  const checks: Check[] = [
    { check: 'format', outcome: 'passed', detail: 'policy relaxed takes it' },
    refusal === undefined
      ? { check: 'policy strict', outcome: 'passed' }
      : { check: 'policy strict', outcome: 'failed', detail: `${refusal.code}: ${refusal.message}` },
    ...crcChecks(bundle),
    ...securityChecks(bundle),
  ]
  const refused = policy === 'strict' && refusal !== undefined
  const rows = checks.map(({ check, outcome, detail = '' }) => [check, outcome, detail])
  context.result({ policy, ok: !refused, checks }, table(['CHECK', 'OUTCOME', 'DETAIL'], rows))
  if (refused) throw refusal
  return 0
}

function strictRefusal(bytes: Uint8Array) {
  try {
    decodeBundle(bytes)
    return undefined
  } catch (error) {
    if (!isGapmeshError(error)) throw error
    return error
  }
}

/** A bundle with a wrong CRC is not decoded: those that are there are right. */
function crcChecks({ primary, blocks }: Bundle): Check[] {
  const check = (name: string, crcType: CrcType): Check => ({
    check: `CRC of ${name}`,
    outcome: crcType === 0 ? 'absent' : 'passed',
    ...(crcType !== 0 && { detail: CRC_NAMES[crcType] }),
  })
  return [
    check('the primary block', primary.crcType),
    ...blocks.map(({ number, type, crcType }) => check(`block ${number} (${typeName(type)})`, crcType)),
  ]
}

function securityChecks({ blocks }: Bundle): Check[] {
  return blocks
    .filter(({ type }) => ['integrity', 'confidentiality'].includes(typeName(type)))
    .map(({ number, type }) => ({
      check: `security of block ${number} (${typeName(type)})`,
      outcome: 'not checked',
      detail: 'present; its keys are not given',
    }))
}
