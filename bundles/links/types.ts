import type { EndpointId } from '../codec/index.ts'

/** Why the far end did not take a bundle; what a router does about it differs. */
export type RefusalReason =
  /** It has the bundle, or had it within its lifetime: as good as taken. */
  | 'duplicate'
  /** It has no room now; the same bundle may be offered again later. */
  | 'no-resources'
  /** It never takes this bundle: malformed, expired, too large, against its policy. */
  | 'unacceptable'

/** What became of a bundle that was handed over. `taken` means durable at the far end, and is said only then. */
export type Handover = { readonly taken: true } | { readonly taken: false; readonly reason: RefusalReason }

/** A neighbour that bundles can be handed to right now. */
export interface Contact {
  /** Name of the convergence layer that carries it, for status and logs. */
  readonly layer: string
  /** The far end's node endpoint; on a link that is not {@link authenticated} this is only what it says of itself. */
  readonly peer: EndpointId
  /** True where the far end has proven {@link peer} by a mesh certificate. */
  readonly authenticated: boolean
  /**
   * False where the layer has no acknowledgements (MTCP, STCP): `send` then resolves once the bytes left this process,
   * which proves nothing, and the copy must be kept.
   */
  readonly confirmed: boolean
  /** Longest bundle that the far end takes, in bytes; 0 on a contact that only receives. */
  readonly maxBundleBytes: number
  /**
   * Hands over a bundle. Calls may overlap; bundles leave in the order of the calls. Resolves with what the far end
   * said (on an unconfirmed layer: `taken` as soon as the bytes are with the system).
   * `bytes` must not change before that. What is empty or longer than `maxBundleBytes` is `unacceptable` without being sent.
   * @throws BUNDLES_LINK_CLOSED when the link ends before that: the bundle may or may not have arrived
   * @throws BUNDLES_LINK_ONE_WAY on a contact that only receives
   */
  send(bytes: Uint8Array): Promise<Handover>
  /** Ends the contact in good order; resolves when everything of it is closed. */
  close(): Promise<void>
}

/** What a convergence layer tells of. Nothing here may throw; `received` is awaited before anything is acknowledged. */
export interface LinkEvents {
  /** A neighbour can be sent to. */
  opened(contact: Contact): void
  /** It no longer can; said once for every contact that was opened. */
  closed(contact: Contact): void
  /**
   * A bundle came, whole. The layer acknowledges `taken` and nothing else, and reads no more than its window while
   * this is pending: that is the back-pressure. A layer that only receives (STCP, MTCP) makes its contact known by
   * `opened` too, with `send` refusing. `bytes` may be a view of a larger buffer: who keeps it beyond the answer copies it.
   */
  received(bytes: Uint8Array, from: Contact): Promise<Handover>
}

/**
 * One way for bundles to reach a neighbour (RFC 9171 §3.1, "convergence layer adapter"): it moves whole bundles as
 * opaque bytes and knows nothing of queues or routes.
 */
export interface ConvergenceLayer {
  /** `tcpclv4`, `mtcp`, `stcp`, `directory` or `overlay`. */
  readonly name: string
  /** Where it listens, as `host:port` or a path; empty where it does not. */
  readonly listening: readonly string[]
  /**
   * Opens a contact to `address`: `HOST:PORT`, or the path of a directory; before it, `ENDPOINT@` says who is expected there.
   * A layer that hears who the far end is refuses another; for the others it is the name of the contact. Resolves when it is up, after `opened` was told.
   * @throws BUNDLES_LINK_ADDRESS, BUNDLES_LINK_FAILED, BUNDLES_LINK_TIMEOUT, and what ended the session: BUNDLES_LINK_REFUSED,
   * BUNDLES_LINK_TLS, BUNDLES_LINK_IDENTITY, BUNDLES_LINK_VERSION, BUNDLES_LINK_MALFORMED, BUNDLES_LINK_UNEXPECTED
   */
  connect(address: string): Promise<Contact>
  /** Stops listening, closes every contact, ends every timer. */
  close(): Promise<void>
}
