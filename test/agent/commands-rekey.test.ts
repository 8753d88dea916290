import { readFile } from 'node:fs/promises'
import t from 'tap'
import { parseCrl } from '../../enrollment/crl/index.ts'
import { makeCa } from './process.ts'

t.test('after a new root, a stopped node exports the list that the running one does', async (t) => {
  const { terminal, key, at } = await makeCa(t)
  const server = await terminal.daemon(t, `ca serve ${at} --listen 127.0.0.1:0`)
  const { token } = await terminal.json(`ca token ${at}`)
  const enrol = `node enroll --home a --ca ${server.said.url} --node-id a ${key('a')}`
  await terminal.json(enrol, { GAPMESH_TOKEN: token })
  const quiet = '--mesh-listen /ip4/127.0.0.1/tcp/0 --mesh-mdns false'
  const agent = await terminal.daemon(t, `run --home a ${quiet} --keystore-key-file ${terminal.path('a.key')}`)
  const authority = async (out: string) => {
    await terminal.json(`crl export --home a --out ${out} ${key('a')}`)
    return parseCrl(new Uint8Array(await readFile(terminal.path(out)))).authorityKeyId
  }
  // Two CAs have lists now. Lists lie in the order of the keys, so the newest is last before the export is compared.
  const old = (await terminal.json(`ca status ${at}`)).authorities[0].keyId
  for (let latest = ''; latest < old; ) latest = (await terminal.json(`ca rekey ${at}`)).keyId
  await terminal.json(`crl export ${at} --out ca.crl`)
  await terminal.json('node rotate --home a')
  await terminal.json('crl import ca.crl --home a')
  const running = await authority('running.crl')
  t.equal((await agent.end('SIGTERM')).code, 0)
  t.same(await authority('stopped.crl'), running)
})
