import { concatBytes, equalBytes, toHex } from '../../core/index.ts'
import { sha256 } from '../../crypto/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'
import { MAX_LIST_CHUNK_BYTES } from '../limits.ts'
import type { ListAnnouncement, Sender, TrustPort, Verdict } from '../ports.ts'
import type { TrustClient } from './client.ts'

/** What asking a peer for something came to: the port's verdict, or that the peer does not have it. */
export type WishOutcome = Verdict | 'absent'

/** Something to ask a peer for. */
export interface Wish {
  /** The same for every peer that has it. */
  readonly id: string
  /** Bytes that the peer said it has. */
  readonly sizeBytes: number
  /** True when what `id` names is the same from every peer, so that one verdict is enough. */
  readonly isUnique: boolean
  /**
   * @param chunkBytes most bytes to ask for at once
   * @throws OVERLAY_TRUST_HASH, OVERLAY_TRUST_UNEXPECTED, what the port throws, and the codes of `Asker.ask`
   */
  fetch(client: Pick<TrustClient, 'ask'>, chunkBytes: number): Promise<WishOutcome>
}

/** A list, chunk by chunk; its hash is checked before the port sees it. */
export function listWish(list: ListAnnouncement, trust: TrustPort, from: Sender): Wish {
  return {
    id: toHex(list.hash),
    sizeBytes: list.sizeBytes,
    isUnique: true,
    fetch: async (client, chunkBytes) => {
      const der = await assemble(list, client, chunkBytes)
      return der === undefined ? 'absent' : trust.receiveList(der, from)
    },
  }
}

async function assemble(
  { hash, sizeBytes }: ListAnnouncement,
  client: Pick<TrustClient, 'ask'>,
  chunkBytes: number,
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  for (let offset = 0; offset < sizeBytes; ) {
    const maxBytes = Math.min(chunkBytes, sizeBytes - offset)
    const { bytes } = await client.ask({ kind: 'chunk', hash, offset, maxBytes })
    if (bytes.length === 0) return undefined
    // Whole chunks only: a peer must not draw a list out byte by byte.
    if (bytes.length !== maxBytes) throw OVERLAY_ERRORS.create('OVERLAY_TRUST_UNEXPECTED')
    chunks.push(bytes)
    offset += bytes.length
  }
  const der = concatBytes(...chunks)
  if (!equalBytes(sha256(der), hash)) throw OVERLAY_ERRORS.create('OVERLAY_TRUST_HASH')
  return der
}

/** The pseudonym key of an epoch. */
export function keyWish(epoch: number, trust: TrustPort, from: Sender): Wish {
  return {
    id: `key ${epoch}`,
    sizeBytes: MAX_LIST_CHUNK_BYTES,
    isUnique: false,
    fetch: async (client) => {
      const { key } = await client.ask({ kind: 'key', epoch })
      return key === undefined ? 'absent' : trust.receivePseudonymKey(epoch, key, from)
    },
  }
}
