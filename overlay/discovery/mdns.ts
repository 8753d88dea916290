import { createHash } from 'node:crypto'

/**
 * DNS-SD service of a mesh: its own, so that meshes on one LAN do not find each other, and hashed, because a mesh name
 * may fill a DNS label (RFC 6763 §7.2 leaves a service name 15 characters) and need not be shown to the LAN.
 */
export function mdnsServiceTag(mesh: string): string {
  return `_dadm${createHash('sha256').update(mesh).digest('hex').slice(0, 10)}._udp.local`
}
