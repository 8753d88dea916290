import { setTimeout } from 'node:timers/promises'
import {
  BLOCK_TYPES,
  DTN_EPOCH_MS,
  decodeBundle,
  encodeBundle,
  type Handover,
  type LinkEvents,
  payloadOf,
} from '../../bundles/index.ts'
import { systemClock, utf8 } from '../../core/index.ts'

/** One line of the report. */
export interface Result {
  readonly name: string
  readonly error: unknown
}

/** Takes every bundle and keeps it. */
export class Collector implements LinkEvents {
  readonly bundles: Uint8Array[] = []

  opened(): void {}

  closed(): void {}

  async received(bytes: Uint8Array): Promise<Handover> {
    this.bundles.push(bytes.slice())
    return { taken: true }
  }
}

/** Runs one part and says how it went. */
export async function check(name: string, work: () => Promise<unknown>): Promise<Result> {
  const error = await work().then(
    () => undefined,
    (reason) => reason,
  )
  console.log(error === undefined ? `ok      ${name}` : `failed  ${name}: ${error}`)
  return { name, error }
}

/** Tries again until it works, for twenty seconds. */
export async function eventually<Value>(work: () => Promise<Value>): Promise<Value> {
  for (let left = 100; ; left -= 1) {
    try {
      return await work()
    } catch (error) {
      if (left === 0) throw error
      await setTimeout(200)
    }
  }
}

/** Bytes of a bundle from this node. */
export function bundleTo(destination: string, sequence: number, payload: string): Uint8Array {
  return encodeBundle({
    primary: {
      flags: 0,
      crcType: 2,
      destination,
      source: 'dtn://gapmesh/out',
      reportTo: 'dtn:none',
      creation: { timeMs: systemClock().now() - DTN_EPOCH_MS, sequence },
      lifetimeMs: 3_600_000,
    },
    blocks: [{ type: BLOCK_TYPES.payload, number: 1, flags: 0, crcType: 2, data: utf8(payload) }],
  })
}

/** The payload of a bundle as text. */
export function payloadText(bytes: Uint8Array): string {
  return new TextDecoder().decode(payloadOf(decodeBundle(bytes, { relaxed: true })))
}
