import { writeFile } from 'node:fs/promises'
import t from 'tap'
import { Terminal } from './process.ts'

/** What `work` answers, once it answers something. */
async function eventually<Result>(what: string, work: () => Promise<Result | undefined>): Promise<Result> {
  const endMs = performance.now() + 20_000
  for (;;) {
    const result = await work()
    if (result !== undefined) return result
    if (performance.now() > endMs) throw new Error(`timed out: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

t.test('in a level3 mesh two nodes exchange a record over the smaller suites', async (t) => {
  const terminal = await Terminal.open(t)
  const key = (name: string) => `--key-file ${terminal.path(`${name}.key`)}`
  const made = await terminal.json(`ca init --home ca --mesh north-grid --suite level3 ${key('ca')}`)
  t.equal(made.suite, 'level3')
  t.match(await terminal.refused(`ca init --home other --mesh a --suite level1 ${key('other')}`), { exit: 2 })
  const ca = await terminal.daemon(t, `ca serve --home ca --listen 127.0.0.1:0 ${key('ca')}`)
  for (const node of ['sensor-1', 'sensor-2']) {
    const { token } = await terminal.json(`ca token --home ca --node-id ${node}`)
    await writeFile(terminal.path('token'), token)
    await terminal.json(
      `node enroll --ca ${ca.said.url} --home ${node} --node-id ${node} --token-file token ${key(node)}`,
    )
  }
  await ca.end('SIGTERM')

  const run = (node: string) => {
    const keyFile = `--keystore-key-file ${terminal.path(`${node}.key`)}`
    return `run --home ${node} ${keyFile} --mesh-listen /ip4/127.0.0.1/tcp/0 --mesh-mdns false`
  }
  const first = await terminal.daemon(t, run('sensor-1'))
  const [address] = first.said.addresses as string[]
  await terminal.daemon(t, `${run('sensor-2')} --mesh-bootstrap ${address}`)
  const { link } = await eventually('the nodes are connected', async () => {
    const { nodes } = await terminal.json('node list --home sensor-1')
    return nodes.find((node: { link?: unknown }) => node.link !== undefined)
  })
  t.match(link, { protocol: 'TLSv1.3', group: 'X25519MLKEM768', signature: 'ML-DSA-65' })

  const publish = 'record publish --home sensor-1 --indicator local:blocked-host --kind mitigation --severity high'
  const { id } = await terminal.json(publish)
  await eventually('the record has arrived', async () => {
    const { records } = await terminal.json('record list --home sensor-2')
    return records.find((record: { id: string }) => record.id === id)
  })
  const { signatures } = await terminal.json(`record show --home sensor-2 ${id}`)
  t.same(
    signatures.map(({ algorithm }: { algorithm: number }) => algorithm),
    [-19, -49],
    'Ed25519 and ML-DSA-65',
  )
})
