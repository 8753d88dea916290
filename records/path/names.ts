import { isDnsLabel } from '../../core/index.ts'
import type { Certificate, PathPolicy } from './types.ts'

/** The names in the subject alternative name of a leaf. */
export interface MemberNames {
  readonly uri: string
  readonly dnsName: string
  /** Where bundles for a node go; others have none. */
  readonly bundleEndpoint: string | undefined
}

/** Segment of the URI that says what a member is. */
const SEGMENT: Readonly<Record<PathPolicy['purpose'], string>> = {
  node: 'node',
  operator: 'operator',
  'ca-server': 'ca',
}

/**
 * Names of a member of `mesh`: for a node `spiffe://<mesh>/node/<label>` (an X.509-SVID) and the bundle endpoint
 * `dtn://<label>.<mesh>/`, for an operator `spiffe://<mesh>/operator/<label>`, for a CA's server
 * `spiffe://<mesh>/ca/<label>`; for all `<label>.<mesh>`.
 */
export function memberNames(purpose: PathPolicy['purpose'], mesh: string, label: string): MemberNames {
  const dnsName = `${label}.${mesh}`
  const bundleEndpoint = purpose === 'node' ? `dtn://${dnsName}/` : undefined
  return { uri: `${uriPrefix(purpose, mesh)}${label}`, dnsName, bundleEndpoint }
}

/**
 * The label in names of exactly the form of {@link memberNames}; undefined for any others. A node's certificate may leave
 * its bundle endpoint out.
 */
export function memberLabel(
  purpose: PathPolicy['purpose'],
  mesh: string,
  names: Pick<Certificate, 'uris' | 'dnsNames' | 'bundleEndpoints'>,
): string | undefined {
  const prefix = uriPrefix(purpose, mesh)
  const [uri, ...moreUris] = names.uris
  if (uri === undefined || moreUris.length > 0 || !uri.startsWith(prefix)) return undefined
  const label = uri.slice(prefix.length)
  const { dnsName, bundleEndpoint } = memberNames(purpose, mesh, label)
  const sound =
    isDnsLabel(label) &&
    names.dnsNames.length === 1 &&
    names.dnsNames[0] === dnsName &&
    names.bundleEndpoints.length <= 1 &&
    names.bundleEndpoints.every((endpoint) => endpoint === bundleEndpoint)
  return sound ? label : undefined
}

function uriPrefix(purpose: PathPolicy['purpose'], mesh: string): string {
  return `spiffe://${mesh}/${SEGMENT[purpose]}/`
}

/** True when a DNS name is `base` or below it (RFC 5280 §4.2.1.10). */
export function isWithinDns(name: string, base: string): boolean {
  return name === base || name.endsWith(`.${base}`)
}

/** True when the host of a URI is `base`, or below it where `base` begins with a dot (RFC 5280 §4.2.1.10). */
export function isWithinUri(uri: string, base: string): boolean {
  const host = /^[a-z][a-z0-9+.-]*:\/\/([^/?#@:]+)(?:[/?#]|$)/.exec(uri)?.[1]
  if (host === undefined) return false
  return base.startsWith('.') ? host.endsWith(base) : host === base
}
