import { readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import t from 'tap'
import { encodeBundle } from '../../bundles/index.ts'
import { fromHex, toHex } from '../../core/index.ts'
import { securityData } from '../bundles/raw.ts'
import { block, bundle } from '../bundles/support.ts'
import { Terminal } from './process.ts'

const { accepted } = JSON.parse(readFileSync(new URL('../vectors/bundles/bundles.json', import.meta.url), 'utf8'))
const named = (name: string): string => accepted.find((vector: { name: string }) => vector.name.startsWith(name)).hex
const unprotected = toHex(encodeBundle(bundle({ primary: { crcType: 0 } }), { relaxed: true }))

t.test('bundle decode', async (t) => {
  const terminal = await Terminal.open(t)
  const hex = named('previous node')
  await writeFile(terminal.path('a.bundle'), fromHex(hex))
  await writeFile(terminal.path('a.hex'), `${hex.slice(0, 40)}\n${hex.slice(40).toUpperCase()}\n`)
  const [file, lines, digits] = await Promise.all([
    terminal.run('bundle decode a.bundle'),
    terminal.run('bundle decode a.hex'),
    terminal.run(`bundle decode ${hex}`),
  ])
  t.equal(file.code, 0)
  t.match(file.out, /^bundle +\d+ bytes, version 7, policy strict$/m)
  t.match(file.out, /^source +ipn:2\.1$/m)
  t.match(file.out, /^created +at a time that its source does not know, 0 ms since 2000, sequence 40$/m)
  t.match(file.out, /^lifetime +10000 ms$/m)
  t.match(file.out, /^flags +0x4 mustNotFragment$/m)
  t.match(file.out, /^CRC +CRC-16\/X-25, right$/m)
  t.match(file.out, /^3 +7 bundleAge +0x0 +CRC-\S+ +\d+ +\{"ageMs":300\}$/m)
  t.match(file.out, /^4 +10 hopCount .*\{"limit":30,"count":1\}$/m)
  t.equal(lines.out, file.out)
  t.equal(digits.out, file.out)

  const json = await terminal.json(`bundle decode ${named('fragment')}`)
  t.match(json, {
    policy: 'strict',
    bytes: named('fragment').length / 2,
    primary: { flagNames: ['isFragment'], crcType: 2, fragment: { offset: 20, totalLength: 43 }, lifetimeMs: 10_000 },
    blocks: [{ type: 1, typeName: 'payload', data: Buffer.from('jumps over the lazy ').toString('hex') }],
  })
})

t.test('a bundle that is refused: exit 3 and the code', async (t) => {
  const terminal = await Terminal.open(t)
  await writeFile(terminal.path('no.txt'), 'no bundle')
  const [strict, relaxed, version, text, gone] = await Promise.all([
    terminal.refused(`bundle decode ${unprotected}`),
    terminal.json(`bundle decode ${unprotected} --policy relaxed`),
    terminal.refused('bundle decode 9f880600'),
    terminal.refused('bundle decode no.txt'),
    terminal.refused('bundle decode nothing.bundle'),
  ])
  t.match(strict, { exit: 3, code: 'BUNDLES_PRIMARY_UNPROTECTED', out: '', hint: /relaxed/ })
  t.match(relaxed, { policy: 'relaxed', primary: { crcType: 0 } })
  t.match(version, { exit: 3, code: 'BUNDLES_MALFORMED' })
  t.match(text, { exit: 1, code: 'AGENT_BUNDLE_INPUT' })
  t.match(gone, { exit: 1, code: 'AGENT_FILE_READ' })
  t.match(await terminal.run('bundle decode 9f880600 --policy lax'), { code: 2 })
})

t.test('bundle verify says what was checked, and what was not', async (t) => {
  const terminal = await Terminal.open(t)
  const extensions = [{ ...block(12, 2, securityData([1])), flags: 1 }, block(11, 3, securityData([0]))]
  const secured = toHex(encodeBundle(bundle({ extensions })))
  const good = named('payload only')
  const [passed, plain, failed, damaged] = await Promise.all([
    terminal.json(`bundle verify ${secured}`),
    terminal.run(`bundle verify ${unprotected} --policy relaxed`),
    terminal.run(`bundle verify ${unprotected}`),
    terminal.refused(`bundle verify ${good.slice(0, -4)}00ff`),
  ])
  t.strictSame(passed, {
    policy: 'strict',
    ok: true,
    checks: [
      { check: 'format', outcome: 'passed', detail: 'policy relaxed takes it' },
      { check: 'policy strict', outcome: 'passed' },
      { check: 'CRC of the primary block', outcome: 'passed', detail: 'CRC-32C' },
      { check: 'CRC of block 2 (confidentiality)', outcome: 'absent' },
      { check: 'CRC of block 3 (integrity)', outcome: 'absent' },
      { check: 'CRC of block 1 (payload)', outcome: 'passed', detail: 'CRC-32C' },
      {
        check: 'security of block 2 (confidentiality)',
        outcome: 'not checked',
        detail: 'present; its keys are not given',
      },
      { check: 'security of block 3 (integrity)', outcome: 'not checked', detail: 'present; its keys are not given' },
    ],
  })
  t.equal(plain.code, 0)
  t.match(plain.out, /^policy strict +failed +BUNDLES_PRIMARY_UNPROTECTED: .*§4\.3\.1/m)
  t.match(plain.out, /^CRC of the primary block +absent$/m)
  t.equal(failed.code, 3)
  t.equal(failed.out, plain.out, 'the checks are shown all the same')
  t.match(failed.err, /^gapmesh: the primary block has neither/)
  t.match(damaged, { exit: 3, code: 'BUNDLES_CRC', out: '' })
})

t.test('bundle encode', async (t) => {
  const terminal = await Terminal.open(t)
  await writeFile(terminal.path('note.txt'), 'a note')
  for (const { hex, name } of accepted) {
    const decoded = await terminal.run(`bundle decode ${hex} --json`)
    await writeFile(terminal.path('a.json'), decoded.out)
    const again = await terminal.run('bundle encode a.json --hex')
    t.equal(again.out, `${hex}\n`, name)
  }
  const options = '--source ipn:1.1 --destination dtn://mesh/~all --lifetime-ms 60000 --payload note.txt'
  const made = await terminal.json(
    `bundle encode ${options} --created-ms 0 --hop-limit 7 --flag mustNotFragment --out a.bundle`,
  )
  t.equal(made.path, terminal.path('a.bundle'))
  t.equal(made.bytes, (await readFile(terminal.path('a.bundle'))).length)
  const [came, dated] = await Promise.all([
    terminal.json('bundle decode a.bundle'),
    terminal.json(`bundle encode ${options} --created-ms 1800000000000 --sequence 3`),
  ])
  t.match(came, {
    id: made.id,
    primary: {
      source: 'ipn:1.1',
      destination: 'dtn://mesh/~all',
      reportTo: 'dtn:none',
      lifetimeMs: 60_000,
      crcType: 2,
    },
    blocks: [
      { content: { ageMs: 0 } },
      { content: { limit: 7, count: 0 } },
      { data: Buffer.from('a note').toString('hex') },
    ],
  })
  t.match(await terminal.json(`bundle decode ${dated.hex}`), {
    createdMs: 1_800_000_000_000,
    primary: { creation: { sequence: 3 } },
  })

  await writeFile(terminal.path('bad.json'), '{"primary": {}, "blocks": []}')
  await writeFile(terminal.path('worse.json'), '{')
  const [missing, flag, bad, worse, endpoint] = await Promise.all([
    terminal.refused('bundle encode --source ipn:1.1'),
    terminal.refused(`bundle encode ${options} --flag isFragment`),
    terminal.refused('bundle encode bad.json'),
    terminal.refused('bundle encode worse.json'),
    terminal.refused(`bundle encode ${options} --report-to http://a/`),
  ])
  t.match(missing, { exit: 2, code: 'AGENT_BUNDLE_OPTIONS', message: /--destination/ })
  t.match(flag, { exit: 2, code: 'AGENT_BUNDLE_OPTIONS', message: /mustNotFragment/ })
  t.match(bad, { exit: 1, code: 'AGENT_BUNDLE_JSON' })
  t.match(worse, { exit: 1, code: 'AGENT_BUNDLE_JSON', message: /not JSON/ })
  t.match(endpoint, { exit: 3, code: 'BUNDLES_ENDPOINT_SCHEME' })
})

t.test('bundles through pipes', async (t) => {
  const terminal = await Terminal.open(t)
  const bytes = fromHex(named('payload only'))
  const raw = await terminal.piped('bundle decode - --json', bytes)
  t.match(JSON.parse(raw.out), { bytes: bytes.length })
  const again = await terminal.piped('bundle encode -', Buffer.from(raw.out))
  t.equal(Buffer.from(again.out, 'latin1').toString('hex'), toHex(bytes), 'bytes, where no terminal is')
})
