import t from 'tap'
import { encodeAnnouncement } from '../../../overlay/gossip/announcement.ts'
import { HeadFollower } from '../../../overlay/gossip/follower.ts'
import type { Peer } from '../../../overlay/peers.ts'
import type { ChainHead, ChainWant, LearnedHead, Verdict } from '../../../overlay/ports.ts'
import { blockOf, headOf, MemoryChains } from '../harness.ts'

const peer = { key: 'p', nodeId: 'p' } as Peer

/** @param delivers what the announcing peer hands over of a want */
function setUp(chains = new MemoryChains(), delivers: (want: ChainWant) => boolean = () => true) {
  const announced: ChainHead[] = []
  const wants: ChainWant[] = []
  const follower = new HeadFollower({
    chains,
    announce: (head) => announced.push(head),
    recovery: {
      fetchBlocks: async (_peerKey, want) => {
        wants.push(want)
        if (!delivers(want)) return false
        const blocks = Array.from({ length: want.toSeq - want.fromSeq + 1 }, (_, at) =>
          blockOf(want.origin, want.fromSeq + at),
        )
        return (await chains.receive(want, blocks)) === 'accept'
      },
    },
  })
  const judge = async (...heads: ChainHead[]): Promise<Verdict> => {
    const verdict = await follower.judge(encodeAnnouncement(heads), peer)
    return typeof verdict === 'string' ? verdict : verdict.later
  }
  return { chains, announced, wants, follower, judge }
}

t.test('a head is passed on once its blocks are here, and only while it is news', async (t) => {
  const { chains, judge, wants, announced } = setUp()
  t.equal(await judge(headOf('a', 3)), 'accept')
  t.equal(chains.held.get('a')?.length, 3)
  t.equal(await judge(headOf('a', 3)), 'duplicate', 'told again')
  t.equal(await judge(headOf('a', 2)), 'duplicate', 'an old one')
  t.equal(wants.length, 1)
  t.same(announced, [], 'what is passed on is not announced as well')
})

t.test('a head whose blocks do not come is blamed on the peer', async (t) => {
  const { judge, announced } = setUp(new MemoryChains(), () => false)
  t.equal(await judge(headOf('a', 3)), 'ignore')
  t.same(announced, [])
})

t.test('news among old heads are announced anew, the old ones travel no further', async (t) => {
  const { chains, judge, announced } = setUp()
  chains.grow('a', 5)
  t.equal(await judge(headOf('a', 2), headOf('b', 1)), 'duplicate')
  t.same(announced, [headOf('b', 1)])
})

t.test('of two heads one is delivered: that one is announced, the peer answers for the other', async (t) => {
  const { judge, announced } = setUp(new MemoryChains(), ({ origin }) => origin === 'b')
  t.equal(await judge(headOf('a', 2), headOf('b', 1)), 'ignore')
  t.same(announced, [headOf('b', 1)])
})

t.test('blocks that do not end in what was announced, or only compare, move nothing', async (t) => {
  class Doubting extends MemoryChains {
    override async learn(head: ChainHead): Promise<LearnedHead> {
      return { kind: 'new', want: { origin: head.origin, fromSeq: 1, toSeq: head.seq } }
    }
  }
  t.equal(await setUp(new Doubting()).judge(headOf('a', 2)), 'ignore')
  class Comparing extends MemoryChains {
    override async learn(head: ChainHead): Promise<LearnedHead> {
      if (this.learned.push(head) > 1) return { kind: 'known' }
      return { kind: 'new', want: { origin: head.origin, fromSeq: 1, toSeq: head.seq, compare: true } }
    }
  }
  const comparing = setUp(new Comparing())
  t.equal(await comparing.judge(headOf('a', 2)), 'ignore')
  t.same(comparing.announced, [])
})

t.test('a node that keeps no blocks of others passes on no heads: it can neither check nor deliver them', async (t) => {
  const chains = new MemoryChains()
  chains.keeps = false
  const { judge, wants, announced } = setUp(chains)
  t.equal(await judge(headOf('a', 3)), 'duplicate')
  t.same(announced, [])
  t.same(wants, [])
})

t.test('what is no head is rejected, whatever else the announcement holds', async (t) => {
  class Strict extends MemoryChains {
    override async learn(head: ChainHead): Promise<LearnedHead> {
      return head.origin === 'bad' ? { kind: 'malformed' } : super.learn(head)
    }
  }
  const { judge, follower, wants } = setUp(new Strict())
  t.equal(await judge(headOf('a', 3), { ...headOf('bad', 1) }), 'reject')
  t.equal(await follower.judge(encodeAnnouncement([{ ...headOf('a', 3), seq: 0 }]), peer), 'reject', 'number 0')
  t.equal(await follower.judge(new Uint8Array(3), peer), 'reject')
  t.same(wants, [])
})
