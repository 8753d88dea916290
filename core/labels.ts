const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** True for a lower-case DNS label (RFC 1123 §2.1): the form of mesh names and node ids. */
export function isDnsLabel(text: string): boolean {
  return DNS_LABEL.test(text)
}
