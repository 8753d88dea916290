import { type CborFlaw, CborReader } from '../../core/index.ts'
import { BUNDLES_ERRORS } from '../errors.ts'

/** Code for an item that is of the wrong type or out of bounds. */
export type DecodingCode =
  | 'BUNDLES_PRIMARY_BLOCK'
  | 'BUNDLES_BLOCK'
  | 'BUNDLES_CRC_TYPE'
  | 'BUNDLES_CRC'
  | 'BUNDLES_ENDPOINT'
  | 'BUNDLES_ENDPOINT_IPN'
  | 'BUNDLES_PREVIOUS_NODE'
  | 'BUNDLES_AGE'
  | 'BUNDLES_HOP_COUNT'
  | 'BUNDLES_SECURITY_BLOCK'
  | 'BUNDLES_ADMINISTRATIVE_RECORD'
  | 'BUNDLES_STATUS_REPORT'

/** Reads the items of blocks; what fails, fails with the code of what is being read. */
export class BlockReader {
  readonly cbor: CborReader
  #code: DecodingCode
  #cutShort = false

  constructor(bytes: Uint8Array, code: DecodingCode) {
    this.#code = code
    this.cbor = new CborReader(bytes, (what, flaw) => {
      this.#cutShort = flaw === 'cut short'
      return refusal(this.#code, what, flaw)
    })
  }

  /** True once reading failed because the bytes ended: with more of them it may succeed. */
  get cutShort(): boolean {
    return this.#cutShort
  }

  /** What `read` makes of the next items, which are judged under `code`. */
  within<Result>(code: DecodingCode, read: () => Result): Result {
    const outer = this.#code
    this.#code = code
    const result = read()
    this.#code = outer
    return result
  }
}

function refusal(code: DecodingCode, what: string, flaw: CborFlaw): Error {
  const detail = `${what}: ${flaw}`
  if (flaw === 'not in shortest form') return BUNDLES_ERRORS.create('BUNDLES_NOT_CANONICAL', { detail: what })
  if (flaw === 'cut short' || flaw === 'indefinite length' || flaw === 'nested too deeply')
    return BUNDLES_ERRORS.create('BUNDLES_MALFORMED', { detail })
  return BUNDLES_ERRORS.create(code, { detail })
}
