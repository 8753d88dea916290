import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from './helpers.ts'

/** Files of the project and packages that a process loads when it imports these files of the project. */
function loadedBy(...files: readonly string[]): string[] {
  const watch = `
    import { registerHooks } from 'node:module'
    registerHooks({ load(url, context, next) { console.log(url); return next(url, context) } })
    for (const file of ${JSON.stringify(files.map((file) => join(ROOT, file)))}) await import(file)`
  const args = ['--input-type=module', '--eval', watch]
  const out = execFileSync(process.execPath, args, { env: {}, encoding: 'utf8' })
  return out.split('\n').map((url) => url.replace(`file://${ROOT}`, ''))
}

/** What belongs to a CA or to its HTTPS endpoint. */
const CA =
  /^enrollment\/(?:index|wire|certificates|token)\.ts$|^enrollment\/store\/(?!list-|keys)|^enrollment\/api\/|fastify/

t.test('a running node loads no CA, and its HTTPS client only when it asks', async (t) => {
  const run = loadedBy('agent/actions/run.ts')
  t.ok(run.includes('agent/node/node.ts') && run.includes('enrollment/crl/index.ts'), 'the files were seen')
  t.same(
    run.filter((file) => CA.test(file)),
    [],
  )
})

t.test('the HTTPS client of a node brings no CA along', async (t) => {
  const client = loadedBy('enrollment/member/index.ts')
  t.ok(client.includes('enrollment/api/member-client.ts'), 'the files were seen')
  t.same(
    client.filter((file) => /fastify|enrollment\/api\/server|enrollment\/store\/(?:ca|level-ca)/.test(file)),
    [],
  )
})

t.test('the bundle commands load the codec, and no queue, CA or network', async (t) => {
  const bundle = loadedBy('agent/actions/bundle/read.ts')
  t.ok(bundle.includes('bundles/codec/index.ts'), 'the files were seen')
  t.same(
    bundle.filter((file) =>
      /^bundles\/(?!codec|errors|limits)|libp2p|fastify|^enrollment\/(?:index|api|store)|^overlay\//.test(file),
    ),
    [],
  )
})
