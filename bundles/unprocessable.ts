import {
  BLOCK_FLAGS,
  BLOCK_TYPES,
  type Bundle,
  type CanonicalBlock,
  decodeSecurityBlock,
  encodeSecurityBlock,
  findSecurity,
  hasFlag,
} from './codec/index.ts'
import { mayReport } from './reports.ts'

/** What becomes of a bundle with blocks that the node cannot process. */
export interface UnprocessablePlan {
  /** The bundle is deleted, for reason "block unsupported"; nothing else counts then but the reports. */
  readonly deleteBundle: boolean
  /** Numbers of the blocks that are taken out before it is forwarded. */
  readonly discard: readonly number[]
  /** Numbers of the blocks of which its reception is reported, for reason "block unsupported". */
  readonly report: readonly number[]
}

/**
 * What the flags of blocks that `canProcess` is false of demand (RFC 9171 §5.6 step 4). What none of them demands
 * anything of is forwarded byte for byte. The payload is never asked about.
 */
export function planUnprocessable(bundle: Bundle, canProcess: (block: CanonicalBlock) => boolean): UnprocessablePlan {
  const blocks = bundle.blocks.filter((block) => block.type !== BLOCK_TYPES.payload && !canProcess(block))
  const numbers = (flag: number) => blocks.filter(({ flags }) => hasFlag(flags, flag)).map(({ number }) => number)
  return {
    deleteBundle: numbers(BLOCK_FLAGS.deleteBundleIfUnprocessable).length > 0,
    discard: numbers(BLOCK_FLAGS.discardIfUnprocessable),
    report: mayReport(bundle) ? numbers(BLOCK_FLAGS.reportIfUnprocessable) : [],
  }
}

/**
 * The bundle without some of its extension blocks. A security block that can be read forgets targets that are gone, with
 * their results, and goes with its last one: a target that is not there would make the bundle malformed.
 */
export function withoutBlocks(bundle: Bundle, numbers: readonly number[]): Bundle {
  const gone = new Set(numbers.filter((number) => number > 1))
  if (gone.size === 0) return bundle
  const { integrity, confidentiality } = findSecurity(bundle.blocks)
  const readable = new Set([...integrity, ...confidentiality].map(({ block }) => block.number))
  const left = bundle.blocks.filter(({ number }) => !gone.has(number))
  const blocks = left.flatMap((block) => (readable.has(block.number) ? withoutTargets(block, gone) : [block]))
  const vanished = left.filter(({ number }) => !blocks.some((block) => block.number === number))
  return withoutBlocks(
    { ...bundle, blocks },
    vanished.map(({ number }) => number),
  )
}

function withoutTargets(block: CanonicalBlock, gone: ReadonlySet<number>): CanonicalBlock[] {
  const security = decodeSecurityBlock(block.data)
  const kept = security.targets.flatMap((target, at) => (gone.has(target) ? [] : [at]))
  if (kept.length === security.targets.length) return [block]
  if (kept.length === 0) return []
  const targets = security.targets.filter((_, at) => kept.includes(at))
  const results = security.results.filter((_, at) => kept.includes(at))
  return [{ ...block, data: encodeSecurityBlock({ ...security, targets, results }) }]
}
