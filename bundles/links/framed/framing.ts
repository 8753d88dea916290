/**
 * How a link without acknowledgements puts bundles into a byte stream: each behind a header that says its length.
 * MTCP and STCP differ in that header only.
 */
export interface Framing {
  /** Name of the convergence layer. */
  readonly name: string
  /** What goes before a bundle of `length` bytes. */
  header(length: number): Uint8Array
  /**
   * Reads the header at the start of `bytes`; undefined where it is not whole yet.
   * @throws BUNDLES_LINK_MALFORMED
   */
  read(bytes: Buffer): FrameHeader | undefined
}

export interface FrameHeader {
  readonly headerBytes: number
  /** Of the bundle, in bytes; 0: none, the sender only shows that it is there. */
  readonly length: number
}

/** Longest header of any framing, in bytes. */
export const MAX_HEADER_BYTES = 9
