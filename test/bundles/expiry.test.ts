import fc from 'fast-check'
import t from 'tap'
import { type Bundle, DTN_EPOCH_MS, encodeBundleAge, expiresAtMs } from '../../bundles/index.ts'
import { securityData } from './raw.ts'
import { block, bundle, NOW_MS } from './support.ts'

const age = (ageMs: number) => [block(7, 2, encodeBundleAge(ageMs))]
const without = (ageMs: number, lifetimeMs = 10_000): Bundle =>
  bundle({ primary: { creation: { timeMs: 0, sequence: 1 }, lifetimeMs }, extensions: age(ageMs) })
const known = { receivedAtMs: NOW_MS + 3_000, clockTrusted: true }
const unknown = { ...known, clockTrusted: false }

t.test('where both ends have a clock, a bundle ends its lifetime after it was made, to the millisecond', async (t) => {
  t.equal(expiresAtMs(bundle(), known), NOW_MS + 10_000)
  t.equal(expiresAtMs(bundle({ primary: { lifetimeMs: 1 } }), known), NOW_MS + 1, 'milliseconds, not seconds')
  t.equal(expiresAtMs(bundle({ primary: { lifetimeMs: 0 } }), known), NOW_MS)
  t.equal(expiresAtMs(bundle({ extensions: age(9_999) }), known), NOW_MS + 10_000, 'whatever its age says')
})

t.test('where one has none, it ends when its age, which grows while it is here, reaches its lifetime', async (t) => {
  t.equal(expiresAtMs(without(4_000), known), known.receivedAtMs + 6_000, 'milliseconds, not microseconds')
  t.equal(expiresAtMs(without(10_000), known), known.receivedAtMs)
  t.equal(expiresAtMs(without(20_000), known), known.receivedAtMs - 10_000, 'it is over already')
  t.equal(expiresAtMs(bundle({ extensions: age(4_000) }), unknown), known.receivedAtMs + 6_000)
  t.equal(expiresAtMs(bundle(), unknown), known.receivedAtMs + 10_000, 'a whole lifetime when nothing says its age')
  const encrypted = bundle({ extensions: [block(12, 3, securityData([2])), block(7, 2, Uint8Array.of(0xff))] })
  t.equal(expiresAtMs(encrypted, unknown), known.receivedAtMs + 10_000, 'nor when it cannot be read')
})

t.test('it never ends later than its lifetime from now, and times stay numbers', async (t) => {
  let seen = 0
  fc.assert(
    fc.property(
      fc.maxSafeNat(),
      fc.maxSafeNat(),
      fc.maxSafeNat(),
      fc.boolean(),
      (timeMs, lifetimeMs, ageMs, clockTrusted) => {
        const value = bundle({ primary: { creation: { timeMs, sequence: 0 }, lifetimeMs }, extensions: age(ageMs) })
        const endMs = expiresAtMs(value, { receivedAtMs: NOW_MS, clockTrusted })
        const latest = clockTrusted && timeMs > 0 ? DTN_EPOCH_MS + timeMs + lifetimeMs : NOW_MS + lifetimeMs
        seen += 1
        return Number.isSafeInteger(endMs) && endMs >= 0 && endMs <= latest
      },
    ),
    { seed: 422 },
  )
  t.ok(seen >= 100)
})
