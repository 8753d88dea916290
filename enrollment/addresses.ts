import { MAX_ADDRESS_CHARACTERS, MAX_ADDRESSES } from './limits.ts'

const MULTIADDRESS = /^(?:\/[A-Za-z0-9:][A-Za-z0-9.:_%-]*)+$/

/** True for a list of texts in the form of multiaddresses, within its caps. What they mean is the overlay's business. */
export function isAddressList(value: unknown): value is string[] {
  return Array.isArray(value) && value.length <= MAX_ADDRESSES && value.every(isAddress)
}

function isAddress(value: unknown): boolean {
  return typeof value === 'string' && value.length <= MAX_ADDRESS_CHARACTERS && MULTIADDRESS.test(value)
}
