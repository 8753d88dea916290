import { EventEmitter } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import t from 'tap'
import type { CliIo } from '../../agent/cli/index.ts'
import { collect, parseDuration, parseHex, parseSeverity, parseTime, resolveTime } from '../../agent/cli/parse.ts'
import { createProgress } from '../../agent/cli/progress.ts'
import { readSecret } from '../../agent/cli/secret.ts'
import { plain, severityText, table, timeText } from '../../agent/cli/text.ts'
import { MAX_SECRET_BYTES } from '../../agent/limits.ts'

/** Streams that behave as a terminal does, with what was typed and what was shown. */
function terminal(isTTY = true) {
  const modes: boolean[] = []
  let shown = ''
  const stdin = Object.assign(new PassThrough(), { isTTY, setRawMode: (mode: boolean) => modes.push(mode) })
  const stderr = Object.assign(new PassThrough(), { isTTY, columns: 80 })
  stderr.on('data', (chunk) => {
    shown += chunk
  })
  const io = {
    stdin,
    stdout: new PassThrough(),
    stderr,
    env: {},
    workingDirectory: '/',
    signals: new EventEmitter(),
  } as unknown as CliIo
  return { io, type: (text: string) => stdin.write(text), modes, shown: () => shown }
}

t.test('a secret is typed without echo, twice when it is new', async (t) => {
  const { io, type, modes, shown } = terminal()
  const request = { prompt: 'Passphrase', create: true }
  const asked = readSecret(request, io)
  type('wrong\u0015corr')
  type('ecx\u007ft é\u001b\r')
  type('correct é\n')
  t.equal(await asked, 'correct é')
  t.equal(shown(), 'Passphrase: \nThe same again: \n')
  t.same(modes, [true, false], 'the terminal is as before')
  const differing = readSecret(request, io)
  type('one\rtwo\r')
  await t.rejects(differing, { code: 'AGENT_CLI_SECRET_MISMATCH' })
  const empty = readSecret({ ...request, create: false }, io)
  type('\r')
  await t.rejects(empty, { code: 'AGENT_CLI_SECRET_EMPTY' })
  const interrupted = readSecret(request, io)
  type('abc\u0003')
  await t.rejects(interrupted, { code: 'AGENT_CLI_INTERRUPTED' })
  t.equal(modes.at(-1), false)
  await t.rejects(readSecret(request, terminal(false).io), { code: 'AGENT_CLI_SECRET_NONE' })
})

t.test('a secret in a file is its first line, within a cap', async (t) => {
  const file = join(t.testdir({}), 'pass')
  const read = (text: string) => {
    writeFileSync(file, text)
    return readSecret({ prompt: 'Passphrase', create: true, file }, terminal(false).io)
  }
  t.equal(await read('correct horse\r\nsecond line\n'), 'correct horse')
  t.equal((await read('x'.repeat(MAX_SECRET_BYTES))).length, MAX_SECRET_BYTES)
  await t.rejects(read('x'.repeat(MAX_SECRET_BYTES + 1)), { code: 'AGENT_CLI_SECRET_LENGTH' })
  await t.rejects(read('\n'), { code: 'AGENT_CLI_SECRET_EMPTY' })
  rmSync(file)
  const missing = readSecret({ prompt: 'Passphrase', create: true, file }, terminal(false).io)
  await t.rejects(missing, { code: 'AGENT_CLI_SECRET_FILE' })
})

t.test('progress is for terminals', async (t) => {
  const onTerminal = terminal()
  const bar = await createProgress({ label: 'nodes', total: 3 }, onTerminal.io)
  bar.update(2)
  bar.stop()
  t.match(onTerminal.shown(), /nodes \[.*\] \d\/3/)
  const inPipe = terminal(false)
  const none = await createProgress({ label: 'nodes', total: 3 }, inPipe.io)
  none.update(1)
  none.stop()
  t.equal(inPipe.shown(), '')
})

t.test('arguments', async (t) => {
  t.equal(parseDuration('15m'), 900_000)
  t.same(parseTime('7d'), { agoMs: 604_800_000 })
  t.equal(resolveTime(parseTime('2026-01-01T12:00Z'), 5), Date.UTC(2026, 0, 1, 12))
  t.equal(resolveTime(parseTime('1h'), 3_600_005), 5)
  t.equal(resolveTime(parseTime('1h'), 5), 0)
  for (const text of ['', '1', '1w', '-1h', '1.5h', '2026', '2026-13-01', '01/02/2026', '2026-01-01T12:00:00']) {
    t.throws(() => parseTime(text), { code: 'commander.invalidArgument' }, text)
  }
  t.equal(parseSeverity('critical'), 5)
  t.equal(parseHex(4)('AB12'), 'ab12')
  t.same(collect('b', collect('a')), ['a', 'b'])
})

t.test('text for people', async (t) => {
  t.equal(plain('a\u0007\u009b\u202eb\n'), 'a???b?')
  t.equal(timeText(undefined), '-')
  t.equal(severityText(9), '9')
  t.equal(
    table(
      ['A', 'B'],
      [
        ['long', 'x'],
        ['s', ''],
      ],
    ),
    'A     B\nlong  x\ns',
  )
})
