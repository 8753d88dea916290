/** Appends for ever and says on standard output which block numbers and ids are on disk. */

import { readFileSync } from 'node:fs'
import { toHex, utf8 } from '../../../core/index.ts'
import { openNode, provider } from '../support.ts'

const [path = '', keyFile = ''] = process.argv.slice(2)
const node = await openNode({ path, nodeId: 'a', deviceKey: provider.importPrivate(readFileSync(keyFile)) })
for (let round = 0; ; round += 1) {
  const events = [0, 1, 2].map((index) => ({
    payload: utf8(`event ${round}.${index}`),
    eventType: 'ids_alert' as const,
  }))
  const blocks = await node.ledger.append(events, ({ operations }) => node.database.commit(operations))
  process.stdout.write(blocks.map((block) => `${block.seq} ${toHex(block.id)}\n`).join(''))
}
