// Adds lock entries for optional packages of other platforms that the registry in use did not list.
// `npm ci` refuses a lock without them although it would never install them here.
// Run after every dependency change: node scripts/complete-lock.mjs
import { readFileSync, writeFileSync } from 'node:fs'

const OS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const CPU = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64', 'wasm32']
const LIBC = { gnu: 'glibc', gnueabihf: 'glibc', musl: 'musl', musleabihf: 'musl' }

/** The platform fields that npm derives from a package's own manifest, read off its name instead. */
function platformOf(name) {
  const words = name.split(/[-/]/)
  const libc = words.map((word) => LIBC[word]).find((found) => found !== undefined)
  return {
    ...pick('os', OS, words),
    ...pick('cpu', CPU, words),
    ...(libc && words.includes('linux') ? { libc: [libc] } : {}),
  }
}

function pick(field, known, words) {
  const found = words.filter((word) => known.includes(word))
  return found.length === 0 ? {} : { [field]: found }
}

const path = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(path, 'utf8'))
let added = 0
for (const [parent, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const known = [`${parent}/node_modules/${name}`, `node_modules/${name}`]
    if (known.some((key) => lock.packages[key] !== undefined)) continue
    const exact = version.replace(/^[\^~]/, '')
    lock.packages[`node_modules/${name}`] = {
      version: exact,
      ...platformOf(name),
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
    }
    added += 1
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
lock.packages = Object.fromEntries(sorted)
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`${added} lock entries added`)
