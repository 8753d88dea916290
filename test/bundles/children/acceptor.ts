/**
 * Accepts numbered bundles for ever, some of them large, takes every third out again, and says on standard output what
 * is on disk. Arguments: directory of the database, directory for large bundles, first number.
 */
import { openBundleQueue } from '../../../bundles/index.ts'
import { systemClock } from '../../../core/index.ts'
import { openDatabase } from '../../../core/store/index.ts'
import { crashBundle, sealer } from '../support.ts'

const [path = '', directory = '', first = '0'] = process.argv.slice(2)
const database = await openDatabase(path)
const queue = await openBundleQueue(
  { directory },
  { database, sealer, clock: systemClock(), clockTrusted: () => false },
)
process.stdout.write('open\n')

async function lane(start: number): Promise<void> {
  for (let number = start; ; number += 4) {
    const { id } = await queue.accept(crashBundle(number), { constraints: ['forward', 'deliver'] })
    process.stdout.write(`accepted ${number}\n`)
    if (number % 3 === 1) await queue.update(id, { givenTo: 'dtn://peer/', release: ['deliver'] })
    if (number % 3 !== 0) continue
    process.stdout.write(`removing ${number}\n`)
    await queue.remove(id)
    process.stdout.write(`removed ${number}\n`)
  }
}

await Promise.all([0, 1, 2, 3].map((offset) => lane(Number(first) + offset)))
