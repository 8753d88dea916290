/** What every convergence layer keeps to. */
import type { Test } from 'tap'
import type { Contact, ConvergenceLayer } from '../../../bundles/links/index.ts'
import { equalBytes } from '../../../core/index.ts'
import { opaque, Recorder } from './support.ts'

/** Two ends of a layer: `near` dials `address` and sends, `far` receives. */
export interface Pair {
  readonly near: ConvergenceLayer
  readonly far: ConvergenceLayer
  readonly address: string
  /** Makes time pass for what is polled; otherwise nothing. */
  readonly pass?: () => Promise<void>
}

export interface Subject {
  readonly name: string
  readonly layer: string
  readonly confirmed: boolean
  readonly authenticated: boolean
  /** False where bundles are handed on in another order than they were sent. */
  readonly ordered: boolean
  start(t: Test, ends: { near: Recorder; far: Recorder }, maxBundleBytes: number): Promise<Pair>
}

const MAX_BYTES = 1024 * 1024

/** Runs the suite on one layer. */
export function runLinkSuite(t: Test, subject: Subject): void {
  const started = async (t: Test) => {
    const ends = { near: new Recorder(), far: new Recorder() }
    const pair = await subject.start(t, ends, MAX_BYTES)
    t.teardown(() => Promise.all([pair.near.close(), pair.far.close()]))
    const contact = await pair.near.connect(pair.address)
    return { ...ends, pair, contact, arrived: (count: number) => arrived(ends.far, count, pair) }
  }

  t.test(`${subject.name}: bundles of every size arrive as they were sent`, async (t) => {
    const { contact, far, arrived } = await started(t)
    const sizes = [1, 23, 24, 255, 256, 1024, 65_535, 65_536, MAX_BYTES]
    const sent = sizes.map((size, at) => opaque(at, size))
    const handovers = await Promise.all(sent.map((bytes) => contact.send(bytes)))
    t.same(
      handovers,
      sizes.map(() => ({ taken: true })),
    )
    await arrived(sizes.length)
    const left = [...far.bundles]
    for (const bytes of sent) {
      const at = left.findIndex((other) => equalBytes(other, bytes))
      t.ok(at !== -1, `${bytes.length} bytes`)
      if (subject.ordered) t.equal(at, 0, 'in order')
      left.splice(at, 1)
    }
  })

  t.test(`${subject.name}: a contact says what it is`, async (t) => {
    const { contact, near, pair } = await started(t)
    t.equal(pair.near.name, subject.layer)
    t.equal(contact.layer, subject.layer)
    t.equal(contact.confirmed, subject.confirmed)
    t.equal(contact.authenticated, subject.authenticated)
    t.equal(contact.maxBundleBytes, MAX_BYTES)
    t.ok(near.contacts.includes(contact), 'opened was told')
  })

  t.test(`${subject.name}: what is empty or too long is not sent`, async (t) => {
    const { contact, far, arrived } = await started(t)
    for (const length of [0, MAX_BYTES + 1]) {
      t.same(await contact.send(new Uint8Array(length)), { taken: false, reason: 'unacceptable' })
    }
    await contact.send(opaque(1))
    await arrived(1)
    t.equal(far.bundles.length, 1)
  })

  t.test(`${subject.name}: closing ends every contact once, and sending with it`, async (t) => {
    const { contact, near, pair } = await started(t)
    await contact.close()
    t.same(near.ended, [contact])
    await t.rejects(contact.send(opaque(1)), { code: 'BUNDLES_LINK_CLOSED' })
    const again = await pair.near.connect(pair.address)
    await pair.near.close()
    await pair.far.close()
    t.same(near.ended, [contact, again])
  })

  t.test(`${subject.name}: an address that is none, or where nobody is, is refused`, async (t) => {
    const { pair } = await started(t)
    await t.rejects(pair.near.connect(''), { code: 'BUNDLES_LINK_ADDRESS' })
    await t.rejects(pair.near.connect('dtn://x/@'), { code: 'BUNDLES_LINK_ADDRESS' })
    await pair.far.close()
    const nowhere = subject.layer === 'directory' ? `${pair.address}-none` : pair.address
    await t.rejects(pair.near.connect(nowhere), { code: 'BUNDLES_LINK_FAILED' })
  })

  t.test(`${subject.name}: a far end that fails to store loses nothing that was said to be taken`, async (t) => {
    const { contact, far, arrived } = await started(t)
    far.answer = () => Promise.reject(new Error('disk'))
    const handover = await contact.send(opaque(1))
    t.same(handover, subject.confirmed ? { taken: false, reason: 'no-resources' } : { taken: true })
    await arrived(1)
  })
}

async function arrived(far: Recorder, count: number, pair: Pair): Promise<void> {
  while (pair.pass !== undefined && far.bundles.length < count) await pair.pass()
  await far.until(() => far.bundles.length >= count)
}

/** A contact that takes nothing back, as the far end of a layer without acknowledgements sees it. */
export async function isOneWay(t: Test, contact: Contact): Promise<void> {
  t.equal(contact.maxBundleBytes, 0)
  await t.rejects(contact.send(opaque(1)), { code: 'BUNDLES_LINK_ONE_WAY' })
}
