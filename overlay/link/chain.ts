import type { X509Certificate } from 'node:crypto'
import { OVERLAY_ERRORS } from '../errors.ts'
import { MAX_CHAIN_CERTIFICATES } from '../limits.ts'

/**
 * A chain as the peer showed it, leaf first, in DER and up to the root of this mesh, which peers may leave out.
 * @throws OVERLAY_LINK_NO_CERTIFICATE, OVERLAY_LINK_CHAIN_LENGTH, OVERLAY_LINK_SELF_SIGNED, OVERLAY_LINK_OTHER_ROOT
 */
export function completeChain(shown: Iterable<X509Certificate>, root: X509Certificate): Uint8Array[] {
  const chain: X509Certificate[] = []
  for (const certificate of shown) {
    if (chain.length === MAX_CHAIN_CERTIFICATES) throw OVERLAY_ERRORS.create('OVERLAY_LINK_CHAIN_LENGTH')
    chain.push(certificate)
  }
  const [leaf, last] = [chain[0], chain.at(-1)]
  if (leaf === undefined || last === undefined) throw OVERLAY_ERRORS.create('OVERLAY_LINK_NO_CERTIFICATE')
  if (leaf.issuer === leaf.subject) throw OVERLAY_ERRORS.create('OVERLAY_LINK_SELF_SIGNED')
  if (!last.raw.equals(root.raw)) {
    if (!last.checkIssued(root)) throw OVERLAY_ERRORS.create('OVERLAY_LINK_OTHER_ROOT')
    chain.push(root)
  }
  return chain.map((certificate) => new Uint8Array(certificate.raw))
}
