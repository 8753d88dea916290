import t from 'tap'
import { createLogger, defineErrors, silentLogger } from '../../core/index.ts'

t.test('one JSON line per event: fields, then the sentence; below the level nothing', async (t) => {
  const lines: string[] = []
  const logger = createLogger({ level: 'warn', destination: { write: (line) => void lines.push(line) } })
  logger.child({ room: 'ledger' }).error({ seq: 3 }, 'it failed')
  logger.info({}, 'too mild')
  t.equal(lines.length, 1)
  t.match(JSON.parse(lines[0] ?? ''), {
    level: 'error',
    time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
    room: 'ledger',
    seq: 3,
    msg: 'it failed',
  })
  t.doesNotThrow(() => silentLogger().error({}, 'nobody hears this'))
})

t.test('what was foreseen is told without a stack, a defect with one', async (t) => {
  const lines: string[] = []
  const logger = createLogger({ destination: { write: (line) => void lines.push(line) } })
  const errors = defineErrors('test', { TEST_BELOW: { message: 'the disk' }, TEST_FAILED: { message: 'it failed' } })
  const below = errors.create('TEST_BELOW', { cause: new Error('EIO') })
  logger.warn({ err: errors.create('TEST_FAILED', { cause: below, metadata: { status: 403 } }) }, 'foreseen')
  logger.error({ err: new TypeError('undefined is not a function') }, 'a defect')
  const [foreseen, defect] = lines.map((line) => JSON.parse(line).err)
  const cause = { code: 'TEST_BELOW', message: 'the disk', cause: 'EIO' }
  t.same(foreseen, { code: 'TEST_FAILED', message: 'it failed', metadata: { status: 403 }, cause })
  t.match(defect, { type: 'TypeError', message: 'undefined is not a function', stack: /logger\.test/ })
})
