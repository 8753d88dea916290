import { SimulatedClock, systemRandom, utf8 } from '../../core/index.ts'
import { type Database, openDatabase } from '../../core/store/index.ts'
import { createNativeProvider, createSealer, type SoftwareSigningKey, type SuiteName } from '../../crypto/index.ts'
import {
  type BlockConflict,
  decodeMicroblock,
  encodeMicroblock,
  type KeyLookup,
  type Ledger,
  type LedgerOptions,
  type Microblock,
  type MicroblockFields,
  microblockId,
  openLedger,
  signedBytesOf,
} from '../../ledger/index.ts'

export const BINDING = { mesh: 'north-grid', rootFingerprint: new Uint8Array(32).fill(7) }
export const provider = createNativeProvider()
export const sealer = createSealer(new Uint8Array(32).fill(9), systemRandom())

/** A node of the test mesh: its ledger, its disk and what it was alarmed about. */
export interface TestNode {
  readonly ledger: Ledger
  readonly database: Database
  readonly clock: SimulatedClock
  readonly deviceKey: SoftwareSigningKey
  readonly conflicts: BlockConflict[]
}

export interface TestNodeOptions extends Partial<LedgerOptions> {
  readonly path: string
  readonly nodeId: string
  readonly deviceKey: SoftwareSigningKey
  /** Keys of the mesh by node_id. */
  readonly keys?: Readonly<Record<string, SoftwareSigningKey>>
}

export function deviceKey(suite: SuiteName = 'ed25519'): Promise<SoftwareSigningKey> {
  return provider.generate(suite)
}

export function lookup(keys: Readonly<Record<string, SoftwareSigningKey>>): KeyLookup {
  return async (nodeId, keyId) => {
    const key = keys[nodeId]?.publicKey
    return key !== undefined && Buffer.compare(key.keyId, keyId) === 0 ? key : undefined
  }
}

export async function openNode(options: TestNodeOptions): Promise<TestNode> {
  const { path, deviceKey, keys = {}, ...rest } = options
  const database = await openDatabase(path)
  const clock = new SimulatedClock()
  const conflicts: BlockConflict[] = []
  const ledger = await openLedger(
    { ...BINDING, ...rest },
    {
      database,
      sealer,
      deviceKey,
      provider,
      clock,
      findKey: lookup(keys),
      onConflict: (conflict) => conflicts.push(conflict),
    },
  )
  return { ledger, database, clock, deviceKey, conflicts }
}

/** Appends one event per text and commits it. */
export function append(node: TestNode, ...texts: string[]): Promise<readonly Microblock[]> {
  const events = texts.map((text) => ({ payload: utf8(text), eventType: 'ids_alert' as const }))
  return node.ledger.append(events, ({ operations }) => node.database.commit(operations))
}

/** Bytes of all blocks that `node` holds of `origin`. */
export async function chainOf(node: TestNode, origin: string): Promise<Uint8Array[]> {
  const blocks: Uint8Array[] = []
  for await (const block of node.ledger.iterate(origin)) blocks.push(block.bytes)
  return blocks
}

/** A signed block made by hand, as a node with that key could. */
export async function forge(key: SoftwareSigningKey, fields: Omit<MicroblockFields, 'keyId'>): Promise<Microblock> {
  const full = { ...fields, keyId: key.publicKey.keyId }
  const signature = await key.sign(signedBytesOf(BINDING)(microblockId(full)))
  return decodeMicroblock(encodeMicroblock(full, signature))
}
