import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { nodeHome, readIdentity } from '../../agent/node/home.ts'
import { openNodeKeys } from '../../agent/node/keys.ts'
import { unlockByKeyFile } from '../../crypto/store/index.ts'
import { parseChain } from '../../records/path/index.ts'
import { testDependencies } from '../helpers/ca.ts'
import { makeCa } from './process.ts'

const PRELOAD = { NODE_OPTIONS: `--import=${new URL('../helpers/die-at.ts', import.meta.url)}` }

/** Every second operation: of each file that is made, the opening or the renaming. */
const STEP = 2

t.test('killed between its file operations, node enroll is repeated and comes to one certificate', async (t) => {
  const { terminal, key, at } = await makeCa(t)
  const { url } = (await terminal.daemon(t, `ca serve ${at} --listen 127.0.0.1:0`)).said
  const { token } = await terminal.json('ca token --home ca --uses 40')
  const enrol = (name: string) => `node enroll --ca ${url} --home ${name} --node-id ${name} ${key(name)} --json`
  const dying = (name: string, dieAt: number) =>
    terminal.run(enrol(name), { ...PRELOAD, GAPMESH_TOKEN: token, GAPMESH_TEST_DIE_AT: String(dieAt) })

  const whole = await dying('whole', 0)
  const operations = Number(/^file operations: (\d+)$/m.exec(whole.err)?.[1])
  t.ok(operations >= 10, `${operations} file operations`)
  const killedAt = async (dieAt: number) => {
    const name = `at-${dieAt}`
    t.match(await dying(name, dieAt), { code: null, out: '' }, `killed at ${dieAt}`)
    const enrolled = await terminal.json(enrol(name).replace(' --json', ''), { GAPMESH_TOKEN: token })
    t.equal(enrolled.node_id, name)
    const home = nodeHome(terminal.path(name))
    const { chain, pseudonymEpoch } = await readIdentity(home)
    const [certificate] = parseChain(chain)
    if (certificate === undefined) return t.fail('there is a chain')
    const unlock = unlockByKeyFile({ path: terminal.path(`${name}.key`) })
    const keys = await openNodeKeys(
      { directory: home.keystore, unlock, certificate, pseudonymEpoch },
      testDependencies(),
    )
    keys.keystore.close()
    t.strictSame(keys.identity.key.publicKey.spki, certificate.spki, 'the keystore has the keys of the certificate')
    t.same((await readdir(join(home.directory))).sort(), ['chain.pem', 'keys', 'node.json'])
  }
  const moments = Array.from({ length: operations / STEP }, (_, at) => 1 + STEP * at)
  await Promise.all(moments.map(killedAt))
  t.equal((await terminal.json('ca status --home ca')).issued, moments.length + 1, 'one certificate each')
})
