import t from 'tap'
import { createLogger, silentLogger } from '../../core/index.ts'

t.test('one JSON line per event: fields, then the sentence; below the level nothing', async (t) => {
  const lines: string[] = []
  const logger = createLogger({ level: 'warn', destination: { write: (line) => void lines.push(line) } })
  logger.child({ room: 'ledger' }).error({ seq: 3 }, 'it failed')
  logger.info({}, 'too mild')
  t.equal(lines.length, 1)
  t.match(JSON.parse(lines[0] ?? ''), { level: 50, room: 'ledger', seq: 3, msg: 'it failed' })
  t.doesNotThrow(() => silentLogger().error({}, 'nobody hears this'))
})
