import fc from 'fast-check'
import t from 'tap'
import { ALL_PRIORITIES, PRIORITIES } from '../../bundles/codec/priority.ts'
import {
  decide,
  direct,
  epidemic,
  type RoutedBundle,
  type RoutedContact,
  RoutingPlan,
  type RoutingState,
  type RoutingStrategy,
  sprayAndWait,
  staticRoutes,
} from '../../bundles/routing/index.ts'

const A = 'dtn://a.grid/'
const B = 'dtn://b.grid/'
const C = 'dtn://c.grid/'
const GROUP = 'dtn://grid/~records'

function bundle(changes: Partial<RoutedBundle> = {}): RoutedBundle {
  const { normal } = PRIORITIES
  const ends = { source: `${A}app`, destination: `${C}app`, from: undefined }
  return { ...ends, priority: normal, copies: 0, hops: undefined, sizeBytes: 100, ...changes }
}

function contact(peer: string, changes: Partial<RoutedContact> = {}): RoutedContact {
  return { peer, maxBundleBytes: 1000, confirmed: true, ...changes }
}

function ask(strategy: RoutingStrategy, about: RoutedBundle, to: RoutedContact, state: Partial<RoutingState> = {}) {
  return decide(strategy, { bundle: about, contact: to, state: { self: A, hasSeen: false, ...state } })
}

const STRATEGIES = [direct(), epidemic(), sprayAndWait(), staticRoutes([{ to: C, via: B }])]

t.test('what holds under every strategy', async (t) => {
  for (const strategy of STRATEGIES) {
    const held = (why: string, about: RoutedBundle, to: RoutedContact, state: Partial<RoutingState> = {}) =>
      t.strictSame(ask(strategy, about, to, state), { send: false, why }, `${strategy.name}: ${why}`)
    held('seen', bundle(), contact(C), { hasSeen: true })
    held('seen', bundle({ from: C }), contact(C))
    held('hops', bundle({ hops: { limit: 3, count: 3 } }), contact(C))
    held('too-large', bundle({ sizeBytes: 1001 }), contact(C))
    t.match(ask(strategy, bundle(), contact(C)), { send: true, left: 'none' }, `${strategy.name}: to its destination`)
    const unsure = ask(strategy, bundle({ copies: 4 }), contact(C, { confirmed: false }))
    t.match(unsure, { send: true, left: 4 }, `${strategy.name}: what nobody confirms is kept`)
    t.match(ask(strategy, bundle({ destination: GROUP }), contact(B)), { send: true, left: 0 }, 'a group is everybody')
    t.ok(strategy.explanation.endsWith('.'))
  }
})

t.test('direct waits for the destination; a group gets it from the source alone', async (t) => {
  t.strictSame(ask(direct(), bundle(), contact(B)), { send: false, why: 'no-route' })
  t.strictSame(ask(direct(), bundle({ destination: GROUP, from: C }), contact(B)), { send: false, why: 'no-route' })
})

t.test('epidemic goes everywhere and keeps its copy', async (t) => {
  t.strictSame(ask(epidemic(), bundle(), contact(B)), { send: true, copies: 0, left: 0 })
})

t.test('spray and wait gives away half, and the last copy to the destination only', async (t) => {
  const strategy = sprayAndWait({ copies: 8 })
  t.equal(strategy.initialCopies, 8)
  t.strictSame(ask(strategy, bundle({ copies: 8 }), contact(B)), { send: true, copies: 4, left: 4 })
  t.strictSame(ask(strategy, bundle({ copies: 3 }), contact(B)), { send: true, copies: 1, left: 2 })
  for (const copies of [0, 1]) {
    t.strictSame(ask(strategy, bundle({ copies }), contact(B)), { send: false, why: 'last-copy' })
  }
  t.strictSame(ask(strategy, bundle({ copies: 1 }), contact(C)), { send: true, copies: 1, left: 'none' })
})

t.test('static routes by a table, with a way for all others', async (t) => {
  const routes = staticRoutes([
    { to: C, via: B },
    { to: '*', via: 'dtn://hub.grid/' },
  ])
  t.strictSame(ask(routes, bundle(), contact(B)), { send: true, copies: 0, left: 'none' })
  t.strictSame(ask(routes, bundle(), contact('dtn://hub.grid/')), { send: false, why: 'no-route' })
  const elsewhere = bundle({ destination: 'ipn:9.1' })
  t.match(ask(routes, elsewhere, contact('dtn://hub.grid/')), { send: true })
  t.strictSame(ask(staticRoutes([]), elsewhere, contact(B)), { send: false, why: 'no-route' })
})

t.test('however spray-and-wait spreads, there are never more copies than there were', async (t) => {
  let handovers = 0
  const meeting = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 }))
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 64 }),
      fc.array(meeting, { minLength: 30, maxLength: 80 }),
      (copies, meetings) => {
        const strategy = sprayAndWait({ copies })
        const held = new Map([[0, copies]])
        for (const [from, to] of meetings) {
          const mine = held.get(from)
          if (mine === undefined || held.has(to)) continue
          const decision = ask(strategy, bundle({ copies: mine }), contact(`dtn://n${to}/`))
          if (!decision.send || decision.left === 'none') continue
          handovers += 1
          held.set(from, decision.left)
          held.set(to, decision.copies)
        }
        const total = [...held.values()].reduce((sum, count) => sum + count, 0)
        return total === copies && [...held.values()].every((count) => count >= 1)
      },
    ),
  )
  t.ok(handovers > 100, `${handovers} handovers`)
})

t.test('a plan has a strategy for each priority', async (t) => {
  const plan = new RoutingPlan({ strategy: sprayAndWait(), byPriority: { [PRIORITIES.control]: epidemic() } })
  t.strictSame(
    ALL_PRIORITIES.map((priority) => plan.strategyFor(priority).name),
    ['spray-and-wait', 'spray-and-wait', 'spray-and-wait', 'epidemic'],
  )
  t.throws(() => new RoutingPlan({ strategies: [] } as never), TypeError)
})
