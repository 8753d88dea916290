import { isDnsLabel } from '../../core/index.ts'
import type { PathPolicy } from './types.ts'

/** The names in the subject alternative name of a leaf. */
export interface MemberNames {
  readonly uri: string
  readonly dnsName: string
}

/**
 * Names of a member of `mesh`: for a node `spiffe://<mesh>/node/<label>` (an X.509-SVID), for a CA's server
 * `spiffe://<mesh>/ca/<label>`; for both `<label>.<mesh>`.
 */
export function memberNames(purpose: PathPolicy['purpose'], mesh: string, label: string): MemberNames {
  return { uri: `${uriPrefix(purpose, mesh)}${label}`, dnsName: `${label}.${mesh}` }
}

/** The label in names of exactly the form of {@link memberNames}; undefined for any others. */
export function memberLabel(
  purpose: PathPolicy['purpose'],
  mesh: string,
  names: { uris: readonly string[]; dnsNames: readonly string[] },
): string | undefined {
  const prefix = uriPrefix(purpose, mesh)
  const [uri, secondUri] = names.uris
  const [dnsName, secondDnsName] = names.dnsNames
  if (uri === undefined || secondUri !== undefined || secondDnsName !== undefined) return undefined
  const label = uri.slice(prefix.length)
  const sound = uri.startsWith(prefix) && isDnsLabel(label) && dnsName === `${label}.${mesh}`
  return sound ? label : undefined
}

function uriPrefix(purpose: PathPolicy['purpose'], mesh: string): string {
  return `spiffe://${mesh}/${purpose === 'node' ? 'node' : 'ca'}/`
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
