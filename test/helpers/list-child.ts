/** Saves ever newer revocation lists in the database in directory argv[2], and prints the number of each that is saved. */
import { openDatabase } from '../../core/store/index.ts'
import { RevocationState } from '../../enrollment/crl/index.ts'
import { openListStore } from '../../enrollment/store/index.ts'
import { entry, HOUR_MS, makeCa, NOW_MS, serial } from './crl.ts'

const [, , path = ''] = process.argv
const store = openListStore(await openDatabase(path))
const ca = await makeCa()
const entries = Array.from({ length: 3000 }, (_, at) => entry(serial(1, at >> 8, at & 0xff)))
let state = RevocationState.empty(ca.certificate.subjectKeyId)
for (let number = 1n; ; number += 1n) {
  const kind = number % 4n === 1n ? { entries } : { baseNumber: number - 1n, entries: entries.slice(0, 700) }
  const list = await ca.list({ number, thisUpdateMs: NOW_MS + Number(number) * 1000, ...kind })
  state = state.apply(list, NOW_MS + HOUR_MS).state
  await store.save(state, [list])
  console.log(String(number))
}
