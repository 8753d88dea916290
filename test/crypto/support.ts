import { readFileSync } from 'node:fs'
import { systemRandom } from '../../core/index.ts'
import {
  createNativeKemProvider,
  createNativeProvider,
  type KemProvider,
  type SignatureProvider,
} from '../../crypto/index.ts'
import { createPortableKemProvider, createPortableProvider } from '../../crypto/portable/index.ts'

/** Every implementation of signatures: one suite of tests for all. */
export function signatureProviders(): readonly SignatureProvider[] {
  return [createNativeProvider(), createPortableProvider({ random: systemRandom() })]
}

/** Every implementation of key encapsulation. */
export function kemProviders(): readonly KemProvider[] {
  return [createNativeKemProvider(), createPortableKemProvider({ random: systemRandom() })]
}

/** Each implementation with each other one, itself included: who makes, who checks. */
export function pairs<Value>(values: readonly Value[]): [maker: Value, checker: Value][] {
  return values.flatMap((maker) => values.map((checker): [Value, Value] => [maker, checker]))
}

/** A file of published vectors from `test/vectors/`. */
export function vectors<Shape>(file: string): Shape {
  return JSON.parse(readFileSync(new URL(`../vectors/${file}`, import.meta.url), 'utf8')) as Shape
}

/** Bytes of hexadecimal in either case. */
export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'))
}

/** The code of what `work` throws; undefined when it throws nothing. */
export async function codeOf(work: () => unknown): Promise<string | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    return (error as { code?: string }).code ?? `uncatalogued: ${error}`
  }
}
