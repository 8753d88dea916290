import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { utf8 } from '../../core/index.ts'
import { createFileAtomically, makeDirectory, syncDirectory, writeFileAtomically } from '../../core/store/index.ts'

const mode = (path: string) => statSync(path).mode & 0o777
const text = (path: string) => readFileSync(path, 'utf8')

t.test('a reader sees the old content or the new, never a part', async (t) => {
  const directory = t.testdir()
  const path = join(directory, 'file')
  const contents = ['a', 'b'].map((letter) => utf8(letter.repeat(300_000)))
  await writeFileAtomically(path, contents[0]!)
  let writing = true
  const seen = new Set<string>()
  const reading = (async () => {
    while (writing) {
      const found = await readFile(path, 'utf8')
      seen.add(`${found.length} ${[...new Set(found)].join('')}`)
    }
  })()
  for (let round = 0; round < 30; round += 1) await writeFileAtomically(path, contents[round % 2]!)
  writing = false
  await reading
  t.match([...seen].sort().join(), /^300000 a(,300000 b)?$|^300000 b$/)
  t.strictSame(readdirSync(directory), ['file'], 'no temporary file is left')
})

t.test('the mode is the one asked for, whatever the file had and the umask takes', async (t) => {
  const path = join(t.testdir({ file: 'old' }), 'file')
  const umask = process.umask(0o027)
  t.teardown(() => process.umask(umask))
  await writeFileAtomically(path, utf8('new'))
  t.equal(mode(path), 0o600)
  await writeFileAtomically(path, utf8('newer'), 0o644)
  t.equal(mode(path), 0o644)
  t.equal(text(path), 'newer')
})

t.test('what a crash left is written over; symbolic links are not followed', async (t) => {
  const directory = t.testdir({ victim: 'precious', 'file.tmp': 'a longer remainder of a crash' })
  const [path, victim] = [join(directory, 'file'), join(directory, 'victim')]
  await writeFileAtomically(path, utf8('new'))
  t.equal(text(path), 'new')
  symlinkSync(victim, `${path}.tmp`)
  await t.rejects(writeFileAtomically(path, utf8('other')), { code: 'ELOOP' })
  t.equal(text(path), 'new')
  const link = join(directory, 'link')
  symlinkSync(victim, link)
  await writeFileAtomically(link, utf8('in place of the link'))
  t.throws(() => readlinkSync(link), { code: 'EINVAL' })
  t.equal(text(victim), 'precious')
})

t.test('a failed write leaves what was there and no temporary file', async (t) => {
  const directory = t.testdir({ taken: { file: 'inside' } })
  await t.rejects(writeFileAtomically(join(directory, 'taken'), utf8('x')), { code: /EISDIR|ENOTEMPTY|EEXIST/ })
  await t.rejects(writeFileAtomically(join(directory, 'absent', 'file'), utf8('x')), { code: 'ENOENT' })
  await t.rejects(syncDirectory(join(directory, 'absent')), { code: 'ENOENT' })
  t.strictSame(readdirSync(directory), ['taken'])
  t.equal(text(join(directory, 'taken', 'file')), 'inside')
})

t.test('of many who make one file, one does, and its content stays', async (t) => {
  const directory = t.testdir()
  const path = join(directory, 'file')
  const made = await Promise.all(
    Array.from({ length: 8 }, (_, maker) =>
      createFileAtomically({ path, temporary: `${path}.${maker}.tmp`, bytes: utf8(`${maker}`) }),
    ),
  )
  t.equal(made.filter(Boolean).length, 1)
  t.equal(text(path), `${made.indexOf(true)}`)
  t.equal(mode(path), 0o600)
  t.strictSame(readdirSync(directory), ['file'])
  mkdirSync(join(directory, 'taken'))
  writeFileSync(join(directory, 'victim'), 'precious')
  symlinkSync(join(directory, 'victim'), join(directory, 'link'))
  for (const name of ['taken', 'link']) {
    const file = { path: join(directory, name), temporary: join(directory, 'x.tmp'), bytes: utf8('x') }
    t.equal(await createFileAtomically(file), false, `a ${name} is a name taken`)
  }
  t.equal(text(join(directory, 'victim')), 'precious')
})

t.test('directories are made with what is missing above them, for their owner alone', async (t) => {
  const directory = t.testdir({ file: '' })
  const path = join(directory, 'a', 'b', 'c')
  t.equal(await makeDirectory(path), join(directory, 'a'))
  t.same([join(directory, 'a'), path].map(mode), [0o700, 0o700])
  t.equal(await makeDirectory(path), undefined, 'there')
  const both = [join(path, 'd', '1'), join(path, 'd', '2')]
  await Promise.all(both.map(makeDirectory))
  t.same(both.map(mode), [0o700, 0o700])
  await t.rejects(makeDirectory(join(directory, 'file')), { code: 'EEXIST' })
  await t.rejects(makeDirectory(join(directory, 'file', 'below')), { code: 'ENOTDIR' })
})

t.test('below /proc nothing is made, and it ends', { skip: process.platform !== 'linux' }, async (t) => {
  await t.rejects(makeDirectory('/proc/gapmesh-home'), { code: 'ENOENT' })
  await t.rejects(makeDirectory('/proc/gapmesh-home/keys'), { code: 'ENOENT' })
})
