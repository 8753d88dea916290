import type { Peer } from '../peers.ts'
import type { ChainHead, ChainPort, ChainWant, Sender, Verdict } from '../ports.ts'
import { decodeAnnouncement } from './announcement.ts'
import type { Recovery } from './types.ts'

export interface FollowerDependencies {
  readonly chains: ChainPort
  readonly recovery: Pick<Recovery, 'fetchBlocks'>
  /** Tells the mesh of a head in this node's own name. */
  announce(head: ChainHead): void
}

interface News {
  readonly head: ChainHead
  readonly want: ChainWant
}

/**
 * Judges announcements. Only what moved a head here is passed on, so that nothing old, false or made up travels further
 * than one step; and only once its blocks are here, so that whoever announces can also deliver. A node that does not keep
 * a chain passes none of its heads on.
 */
export class HeadFollower {
  readonly #dependencies: FollowerDependencies

  constructor(dependencies: FollowerDependencies) {
    this.#dependencies = dependencies
  }

  /** The verdict on an announcement, or the promise of one where blocks have to be fetched first. */
  async judge(data: Uint8Array, peer: Peer): Promise<Verdict | { readonly later: Promise<Verdict> }> {
    const heads = readAnnouncement(data)
    if (heads === undefined) return 'reject'
    const from = { road: 'gossip', nodeId: peer.nodeId } as const
    const news: News[] = []
    for (const head of heads) {
      const { kind, want } = await this.#dependencies.chains.learn(head, from)
      if (kind === 'malformed') return 'reject'
      if (want !== undefined) news.push({ head, want })
    }
    if (news.length === 0) return 'duplicate'
    return { later: this.#follow(news, { peer, from, isWhole: news.length === heads.length }) }
  }

  /** News among heads that are none, or are not delivered, are announced anew by this node. */
  async #follow(
    news: readonly News[],
    { peer, from, isWhole }: { peer: Peer; from: Sender; isWhole: boolean },
  ): Promise<Verdict> {
    const { announce } = this.#dependencies
    const moved = await Promise.all(news.map((item) => this.#moves(item, peer.key, from)))
    const isComplete = moved.every((holds) => holds)
    if (isComplete && isWhole) return 'accept'
    for (const [at, { head }] of news.entries()) if (moved[at]) announce(head)
    return isComplete ? 'duplicate' : 'ignore'
  }

  /** True when the head is this node's now: the blocks came, and end in what was announced. */
  async #moves({ head, want }: News, peerKey: string, from: Sender): Promise<boolean> {
    const { chains, recovery } = this.#dependencies
    if (!(await recovery.fetchBlocks(peerKey, want)) || want.compare) return false
    return (await chains.learn(head, from)).kind === 'known'
  }
}

function readAnnouncement(data: Uint8Array): readonly ChainHead[] | undefined {
  try {
    return decodeAnnouncement(data)
  } catch {
    return undefined
  }
}
