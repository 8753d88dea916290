import { type HashedAddresses, hashAddress, type Pseudonym } from '../../records/index.ts'

/** Keyed hashes of the addresses that there are; undefined where there is none. */
export function hashAddresses(
  pseudonym: Pseudonym,
  from: string | undefined,
  to: string | undefined,
): HashedAddresses | undefined {
  if (from === undefined && to === undefined) return undefined
  const hash = (address: string | undefined) => (address === undefined ? undefined : hashAddress(address, pseudonym))
  const [source, destination] = [hash(from), hash(to)]
  return { epoch: pseudonym.epoch, ...(source && { source }), ...(destination && { destination }) }
}
