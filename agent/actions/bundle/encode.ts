import {
  BLOCK_TYPES,
  BUNDLE_FLAGS,
  type Bundle,
  bundleId,
  type CanonicalBlock,
  DTN_EPOCH_MS,
  encodeBundle,
  encodeBundleAge,
  encodeHopCount,
  NULL_ENDPOINT,
} from '../../../bundles/codec/index.ts'
import { toHex } from '../../../core/index.ts'
import type { Action, BundleEncodeOptions, CommandContext } from '../../cli/index.ts'
import { AGENT_ERRORS } from '../../errors.ts'
import { writeOutput } from '../ca/files.ts'
import { systemDependencies } from '../system.ts'
import { readNamed } from './input.ts'
import { bundleFromJson } from './json.ts'

/** `gapmesh bundle encode`: a bundle from a JSON document, or from options. */
export const bundleEncode: Action<BundleEncodeOptions> = async (options, context) => {
  const bundle = await bundleOf(options, context)
  const bytes = encodeBundle(bundle, { relaxed: options.policy === 'relaxed' })
  const facts = { id: toHex(bundleId(bundle)), bytes: bytes.length }
  const { stdout } = context.io
  const asText = options.hex === true || (stdout.isTTY && options.out === undefined)
  if (options.out !== undefined) {
    const content = asText ? Buffer.from(`${toHex(bytes)}\n`) : bytes
    const path = await writeOutput(options.out, content, context)
    context.result({ ...facts, path }, `A bundle of ${bytes.length} bytes is in ${path}`)
  } else if (context.json || asText) context.result({ ...facts, hex: toHex(bytes) }, toHex(bytes))
  else stdout.write(bytes)
  return 0
}

async function bundleOf(options: BundleEncodeOptions, context: CommandContext): Promise<Bundle> {
  if (options.input !== undefined)
    return bundleFromJson(Buffer.from(await readNamed(options.input, context)).toString('utf8'))
  const { source, destination, reportTo = NULL_ENDPOINT, lifetimeMs, payload, sequence = 0 } = options
  if (source === undefined || destination === undefined || lifetimeMs === undefined || payload === undefined)
    throw AGENT_ERRORS.create('AGENT_BUNDLE_OPTIONS', {
      detail: '--source, --destination, --lifetime-ms and --payload, or a JSON document',
    })
  const createdMs = options.createdMs ?? systemDependencies().clock.now()
  const timeMs = createdMs === 0 ? 0 : Math.max(1, createdMs - DTN_EPOCH_MS)
  const flags = (options.flags ?? []).reduce((sum, name) => sum | flagOf(name), 0)
  const primary = {
    source,
    destination,
    reportTo,
    lifetimeMs,
    creation: { timeMs, sequence },
    flags,
    crcType: 2 as const,
  }
  return { primary, blocks: blocksOf(await readNamed(payload, context), timeMs, options.hopLimit) }
}

/** Age for a source without a clock, hop count where asked for, payload. */
function blocksOf(payload: Uint8Array, timeMs: number, hopLimit: number | undefined): CanonicalBlock[] {
  const block = { flags: 0, crcType: 2 as const }
  const hops = hopLimit === undefined ? undefined : encodeHopCount({ limit: hopLimit, count: 0 })
  return [
    ...(timeMs === 0 ? [{ ...block, type: BLOCK_TYPES.bundleAge, number: 2, data: encodeBundleAge(0) }] : []),
    ...(hops === undefined ? [] : [{ ...block, type: BLOCK_TYPES.hopCount, number: 3, data: hops }]),
    { ...block, type: BLOCK_TYPES.payload, number: 1, data: payload },
  ]
}

function flagOf(name: string): number {
  const flag = Object.entries(BUNDLE_FLAGS).find(([known]) => known === name)?.[1]
  const known = Object.keys(BUNDLE_FLAGS)
    .filter((candidate) => candidate !== 'isFragment')
    .join(', ')
  if (flag === undefined || name === 'isFragment')
    throw AGENT_ERRORS.create('AGENT_BUNDLE_OPTIONS', { detail: `--flag takes ${known}` })
  return flag
}
