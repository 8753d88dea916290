/** Bundles by the command line, between agents in processes of their own. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { limit, makeMesh } from './crash-mesh.ts'
import { Terminal } from './process.ts'

t.test('two nodes that only ever meet a third in turn: files cross by priority, and survive its death', async (t) => {
  const { mesh, directory } = await makeMesh(t, 3)
  const [relay = '', a = '', b = ''] = mesh.nodeIds
  const terminal = await Terminal.open(t)
  const at = (nodeId: string) => `--home ${mesh.homeOf(nodeId)}`
  const waiting = async (nodeId: string) => (await mesh.client(nodeId).call('bundles.list', {})).bundles
  const apart = ['--mesh-mdns', 'false']
  await mesh.start(relay, apart)
  await mesh.start(a, apart)
  for (const [name, priority] of [
    ['bulk', 'bulk'],
    ['alarm', 'urgent'],
    ['letter', 'normal'],
  ] as const) {
    await writeFile(join(directory, name), `this is the ${name}`)
    const sent = await terminal.json(`bundle send ${join(directory, name)} --to ${b} --priority ${priority} ${at(a)}`)
    t.match(sent, { destination: `dtn://${b}.demo/inbox`, bytes: `this is the ${name}`.length, id: /^[0-9a-f]{64}$/ })
  }
  await mesh.until('the relay carries them', async () => (await waiting(relay)).length === 3, limit)
  await mesh.end(a, 'SIGTERM')
  await mesh.end(relay, 'SIGKILL')
  await mesh.start(relay, apart)
  t.same(
    (await terminal.json(`bundle list ${at(relay)}`)).bundles.map(({ priority }: { priority: string }) => priority),
    ['urgent', 'normal', 'bulk'],
  )
  const [{ id } = { id: '' }] = await waiting(relay)
  const explained = await terminal.run(`bundle explain ${id.slice(0, 12)} ${at(relay)}`)
  t.match(explained.out, /^came from +dtn:\/\/.*\/$/m)
  t.match(explained.out, /^waits +It goes to every node that has not seen it/m)
  await mesh.start(b, apart)
  await mesh.until('they are there', async () => (await waiting(b)).length === 3, limit)
  await mesh.until('the relay has let go of them', async () => (await waiting(relay)).length === 0, limit)
  const inbox = join(directory, 'in')
  const received = await terminal.run(`bundle receive --to ${inbox} ${at(b)}`)
  t.equal(received.code, 0)
  t.equal(received.out.split('\n').length, 4)
  const names = await readdir(inbox)
  const texts = await Promise.all(names.map((name) => readFile(join(inbox, name), 'utf8')))
  t.same(texts.sort(), ['this is the alarm', 'this is the bulk', 'this is the letter'])
  t.same(await waiting(b), [])
  t.match(await terminal.run(`bundle receive --to ${inbox} ${at(b)}`), { code: 0, out: '', err: /nothing has come/ })

  t.comment('what goes wrong')
  const gone = await terminal.json(`bundle send ${join(directory, 'bulk')} --to nobody ${at(b)}`)
  t.match(await terminal.json(`bundle cancel ${gone.id} ${at(b)}`), { id: gone.id })
  t.match(await terminal.run(`bundle explain ${gone.id} ${at(b)}`), { code: 1, err: /bundle list shows/ })
  t.match(await terminal.run(`bundle send ${join(directory, 'none')} --to ${a} ${at(b)}`), { code: 1, err: /ENOENT/ })
  await writeFile(join(directory, 'large'), new Uint8Array(1024 * 1024 + 1))
  t.match(await terminal.run(`bundle send ${join(directory, 'large')} --to ${a} ${at(b)}`), { code: 1, err: /1 MiB/ })
  t.match(await terminal.run(`bundle send ${join(directory, 'bulk')} --to ${a} --priority high ${at(b)}`), { code: 2 })
  const status = await terminal.run(`status ${at(b)}`)
  t.match(status.out, /^bundles +\d+ waiting \(\d+ of 1073741824 bytes, open\)/m)
})
