import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import {
  configurationReference,
  flagOf,
  type LoadConfigInput,
  loadConfig,
  OPTIONS,
  parseListenAddress,
  suggest,
  variableOf,
} from '../../agent/config/index.ts'
import { MAX_CONFIG_BYTES, MAX_CONFIG_LIST } from '../../agent/limits.ts'
import { ROOT } from './helpers.ts'

interface Given {
  file?: string
  env?: Record<string, string>
  flags?: LoadConfigInput['flags']
}

/** Loads with `file` as the text of config.yaml in a home of its own. */
function load(t: { testdir(content: Record<string, string>): string }, given: Given) {
  const home = t.testdir(given.file === undefined ? {} : { 'config.yaml': given.file })
  return loadConfig({ home, flags: given.flags ?? {}, env: given.env ?? {}, workingDirectory: '/work-dir' })
}

t.test('defaults', async (t) => {
  const config = await load(t, {})
  for (const { key, default: value } of OPTIONS) t.same(config[key], value, key)
  t.equal(config['ingest.window_ms'], 250)
  t.equal(config['metrics.listen'], undefined)
})

t.test('a file: nested and dotted keys, lists, variables, relative paths', async (t) => {
  const file = `
# all of this is allowed
log: {level: warn}
gossip.max_peers: 7
mesh:
  mdns: false
  bootstrap:
    - /dns4/relay.example/tcp/4701/p2p/\${PEER}
ingest:
  eve: [eve.json, '/var/log/\${NAME}.json']
  zeek: "$\${literal}.log"
  window_ms: \${WINDOW}
storage:
`
  const env = { PEER: '12D3KooW', NAME: 'suricata', WINDOW: '100' }
  const config = await load(t, { file, env })
  t.match(config, {
    'log.level': 'warn',
    'gossip.max_peers': 7,
    'mesh.mdns': false,
    'mesh.bootstrap': ['/dns4/relay.example/tcp/4701/p2p/12D3KooW'],
    'ingest.window_ms': 100,
  })
  t.equal(config['ingest.eve'][1], '/var/log/suricata.json')
  t.match(config['ingest.eve'][0], /^\/.+\/eve\.json$/)
  t.match(config['ingest.zeek'][0], /\/\$\{literal\}\.log$/)
})

t.test('flag before variable before file before default', async (t) => {
  const file = 'gossip: {max_peers: 1}\ningest: {eve: [/a]}\nlog: {level: debug}\n'
  const env = { GAPMESH_GOSSIP_MAX_PEERS: '2', GAPMESH_INGEST_EVE: '/b,c' }
  t.match(await load(t, { file, env, flags: { 'gossip.max_peers': '3', 'mesh.mdns': 'false', 'ingest.fold': true } }), {
    'gossip.max_peers': 3,
    'ingest.eve': ['/b', '/work-dir/c'],
    'log.level': 'debug',
    'mesh.mdns': false,
    'ingest.fold': true,
  })
})

t.test('errors name file, line, column and key', async (t) => {
  const fails = async (file: string, code: string, detail: RegExp, hint?: string) => {
    await t.rejects(load(t, { file }), { code, message: detail, ...(hint !== undefined && { hint }) }, file)
  }
  await fails(
    'gossip:\n  max_peers: 0\n',
    'AGENT_CONFIG_VALUE',
    /config\.yaml:2:14: gossip\.max_peers must be 1 to 1000 peers/,
  )
  await fails(
    'gossip:\n  max_peer: 5\n',
    'AGENT_CONFIG_UNKNOWN_KEY',
    /:2:3: gossip\.max_peer$/,
    'Did you mean gossip.max_peers?',
  )
  await fails(
    'qwertyuiop: 1\n',
    'AGENT_CONFIG_UNKNOWN_KEY',
    /:1:1: qwertyuiop$/,
    'All keys: docs/configuration.md, or gapmesh run --help',
  )
  await fails(`ingest: {eve: [/a, "\${NO_SUCH}"]}\n`, 'AGENT_CONFIG_ENV', /:1:20: NO_SUCH$/)
  await fails('mesh: [edge]\n', 'AGENT_CONFIG_YAML', /:1:7: mesh must be a map/)
  await fails('- a\n', 'AGENT_CONFIG_YAML', /:1:1: the file must be a map/)
  await fails('log: {level: info\n', 'AGENT_CONFIG_YAML', /config\.yaml:\d+:\d+: /)
  await fails('log: {level: a}\nlog: {level: b}\n', 'AGENT_CONFIG_YAML', /:2:1: /)
  await fails('log.level: info\nlog: {level: info}\n', 'AGENT_CONFIG_YAML', /:2:7: log\.level is given twice/)
  await fails('a: &x 1\nlog: {level: *x}\n', 'AGENT_CONFIG_UNKNOWN_KEY', /:1:1: a$/)
  await fails(
    'log: {level: &x info}\ningest: {overload: *x}\n',
    'AGENT_CONFIG_YAML',
    /:2:20: aliases are not used here/,
  )
  await fails('log: {level: {a: 1}}\n', 'AGENT_CONFIG_YAML', /:1:14: log\.level holds no keys/)
  await fails(
    'log: {level: loud}\n',
    'AGENT_CONFIG_VALUE',
    /log\.level must be fatal, error, warn, info, debug, trace or silent/,
  )
  await fails('mesh: {mdns: yes}\n', 'AGENT_CONFIG_VALUE', /mesh\.mdns must be true or false/)
  await fails('mesh: {listen: [tcp]}\n', 'AGENT_CONFIG_VALUE', /mesh\.listen must be a list of multiaddrs/)
  await fails('metrics: {listen: "9464"}\n', 'AGENT_CONFIG_VALUE', /metrics\.listen must be HOST:PORT/)
  await fails('__proto__: {log: 1}\n', 'AGENT_CONFIG_UNKNOWN_KEY', /__proto__/)
  await t.rejects(load(t, { flags: { 'gossip.max_peers': 'many' } }), {
    message: /--gossip-max-peers must be 1 to 1000/,
  })
  await t.rejects(load(t, { env: { GAPMESH_LOG_LEVEL: 'x' } }), { message: /GAPMESH_LOG_LEVEL must be/ })
})

t.test('caps, and files that are not there', async (t) => {
  const many = (count: number) => `ingest: {eve: [${Array(count).fill('/a').join(', ')}]}\n`
  t.equal((await load(t, { file: many(MAX_CONFIG_LIST) }))['ingest.eve'].length, MAX_CONFIG_LIST)
  await t.rejects(load(t, { file: many(MAX_CONFIG_LIST + 1) }), { code: 'AGENT_CONFIG_VALUE' })
  t.ok(await load(t, { file: '#'.repeat(MAX_CONFIG_BYTES) }))
  await t.rejects(load(t, { file: '#'.repeat(MAX_CONFIG_BYTES + 1) }), { code: 'AGENT_CONFIG_TOO_LARGE' })
  const home = t.testdir({ other: 'log: {level: warn}' })
  const input = { home, flags: {}, env: {}, workingDirectory: home }
  t.equal((await loadConfig({ ...input, file: 'other' }))['log.level'], 'warn')
  await t.rejects(loadConfig({ ...input, file: 'none' }), { code: 'AGENT_CONFIG_READ' })
  await t.rejects(loadConfig({ ...input, file: '.' }), { code: 'AGENT_CONFIG_READ' })
})

t.test('whatever the file holds, only catalogued errors come out', async (t) => {
  const path = join(t.testdir({}), 'config.yaml')
  const valid = `ingest: {overload: shed}\nmesh:\n  listen: [/ip4/0.0.0.0/tcp/1]\ngossip:\n  max_peers: \${N}\n`
  const edit = fc.tuple(fc.nat(valid.length - 1), fc.constantFrom(...'{}[]:&*!|>%@`"\'#\n\t -?,$x0'))
  let refused = 0
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { maxLength: 4 }), async (edits) => {
      const text = [...valid]
      for (const [at, letter] of edits) text[at] = letter
      writeFileSync(path, text.join(''))
      try {
        await loadConfig({ home: '/', file: path, flags: {}, env: { N: '5' }, workingDirectory: '/' })
      } catch (error) {
        refused += 1
        if (!/^AGENT_CONFIG_/.test((error as { code: string }).code)) throw error
      }
    }),
    { numRuns: 300 },
  )
  t.ok(refused > 0)
})

t.test('names', async (t) => {
  t.equal(flagOf('storage.records.retention_days'), '--storage-records-retention-days')
  t.equal(variableOf('gossip.max_peers'), 'GAPMESH_GOSSIP_MAX_PEERS')
  t.equal(new Set(OPTIONS.map(({ key }) => flagOf(key))).size, OPTIONS.length)
  t.equal(suggest('gosip.maxpeers', ['gossip.max_peers', 'log.level']), 'gossip.max_peers')
  t.equal(suggest('zzz', ['gossip.max_peers']), undefined)
  t.same(parseListenAddress('127.0.0.1:9464'), { host: '127.0.0.1', port: 9464 })
  t.same(parseListenAddress('[::1]:0'), { host: '::1', port: 0 })
  for (const text of ['9464', 'a:b', '1.2.3.4:65536', '::1:5', '', 'a:1:2'])
    t.equal(parseListenAddress(text), undefined)
})

t.test('docs/configuration.md is what the table says', async (t) => {
  t.equal(readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8'), configurationReference())
})
