/**
 * A process that admits records until it is killed: `node writer.ts DIRECTORY FIRST_SEQUENCE`. For every record that is on
 * disk it prints the sequence on a line.
 */

import { NOW_MS } from '../scene.ts'
import { unsigned } from './fake-records.ts'
import { openAt } from './open.ts'

const [path = '', first = '0'] = process.argv.slice(2)
const { store } = await openAt(path)

async function admitFrom(start: number): Promise<void> {
  for (let sequence = start; ; sequence += 4) {
    await store.admit(unsigned({ sequence, createdAtMs: NOW_MS + sequence }), NOW_MS)
    process.stdout.write(`${sequence}\n`)
  }
}

await Promise.all([0, 1, 2, 3].map((lane) => admitFrom(Number(first) + lane)))
