/** Accepts numbered bundles for ever, takes every third out again, and says on standard output what is on disk. */

import { openBundleQueue } from '../../../bundles/index.ts'
import { systemClock } from '../../../core/index.ts'
import { openDatabase } from '../../../core/store/index.ts'
import { numbered, sealer } from '../support.ts'

const database = await openDatabase(process.argv[2] ?? '')
const queue = await openBundleQueue({}, { database, sealer, clock: systemClock(), clockTrusted: () => false })

async function lane(first: number): Promise<void> {
  for (let number = first; ; number += 4) {
    const { id } = await queue.accept(numbered(number, { primary: { lifetimeMs: 1e9 } }))
    process.stdout.write(`accepted ${number}\n`)
    if (number % 3 !== 0) continue
    process.stdout.write(`removing ${number}\n`)
    await queue.remove(id)
    process.stdout.write(`removed ${number}\n`)
  }
}

await Promise.all([0, 1, 2, 3].map(lane))
