/** The procedure of docs/operations/node.md, "A damaged store", as an operator follows it. */
import { rename, writeFile } from 'node:fs/promises'
import t from 'tap'
import { ControlClient, controlSocketPath } from '../../agent/control/index.ts'
import { systemClock } from '../../core/index.ts'
import { openDatabase, ROOM } from '../../core/store/index.ts'
import { placeKey } from '../../ledger/store/keys.ts'
import { eveLine } from './crash-mesh.ts'
import { Terminal } from './process.ts'

const clock = systemClock()
const ALERTS = 5

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const endMs = clock.monotonic() + 20_000
  while (!(await holds())) {
    if (clock.monotonic() > endMs) throw new Error(`timed out: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

t.test('a node whose store is damaged fetches its own chain back and continues it', async (t) => {
  const terminal = await Terminal.open(t)
  const key = (name: string) => `--key-file ${terminal.path(`${name}.key`)}`
  await terminal.json(`ca init --home ca --mesh north-grid ${key('ca')}`)
  const ca = await terminal.daemon(t, `ca serve --home ca --listen 127.0.0.1:0 ${key('ca')}`)
  for (const node of ['sensor-1', 'relay-1']) {
    const { token } = await terminal.json(`ca token --home ca --node-id ${node}`)
    await writeFile(terminal.path('token'), token)
    const enrol = `node enroll --ca ${ca.said.url} --home ${node} --node-id ${node} --token-file token ${key(node)}`
    await terminal.json(enrol)
  }
  await ca.end('SIGTERM')
  const run = (node: string) => {
    const keyFile = `--keystore-key-file ${terminal.path(`${node}.key`)}`
    return `run --home ${node} ${keyFile} --mesh-listen /ip4/127.0.0.1/tcp/0 --mesh-mdns false`
  }
  const ask = (node: string) => new ControlClient({ path: controlSocketPath(terminal.path(node)) }, { clock })
  const headAt = async (node: string) => {
    const { nodes } = await ask(node).call('nodes.list', {})
    return nodes.find(({ nodeId }) => nodeId === 'sensor-1')?.headSeq ?? 0
  }
  const relay = await terminal.daemon(t, run('relay-1'))
  const join = `${run('sensor-1')} --mesh-bootstrap ${(relay.said.addresses as string[])[0]}`
  const alerts = Array.from({ length: ALERTS }, (_, at) => eveLine(at))
  await writeFile(terminal.path('eve.json'), alerts.join(''))
  const before = await terminal.daemon(t, `${join} --eve eve.json`)
  await eventually('the relay holds the chain', async () => {
    const { blocksChecked } = await ask('relay-1').call('ledger.check', {})
    return (await headAt('relay-1')) === ALERTS && blocksChecked === ALERTS
  })
  await before.end('SIGTERM')

  const database = await openDatabase(terminal.path('sensor-1/db'))
  await database.commit([database.room(ROOM.blocks).delete(placeKey('sensor-1', ALERTS))])
  await database.close()
  const refused = await terminal.refused(`${join} --eve eve.json`)
  t.match(refused, { exit: 1, out: '', code: 'LEDGER_DAMAGED', message: /the own head is missing/ })
  t.match(refused.hint, /docs\/operations\/node.md/)

  await rename(terminal.path('sensor-1/db'), terminal.path('sensor-1/db.damaged'))
  await terminal.daemon(t, join)
  await eventually('the chain is back', async () => (await headAt('sensor-1')) === ALERTS)
  await eventually('it may append', async () => (await ask('sensor-1').call('status', {})).append === 'appending')
  const published = { indicator: 'local:test', kind: 'mitigation', severity: 3 }
  t.equal((await ask('sensor-1').call('records.publish', published)).seq, ALERTS + 1, 'the next number')
  for (const node of ['sensor-1', 'relay-1']) {
    await eventually('both hold the same chain', async () => {
      const { ok, blocksChecked } = await ask(node).call('ledger.check', {})
      return ok && blocksChecked === ALERTS + 1
    })
    const { warnings } = await ask(node).call('status', {})
    t.notOk(
      warnings.some((line) => /block|ledger/.test(line)),
      'nobody saw a fork',
    )
  }
  await eventually('its records are back, too', async () => {
    return (await ask('sensor-1').call('records.inventory', {})).anomalies === ALERTS + 1
  })
})
