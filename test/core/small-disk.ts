import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A disk of `size` that is thrown away after the test; undefined where mounting is not allowed. */
export function smallDisk(size: string, onEnd: (action: () => void) => void): string | undefined {
  // Not in t.testdir(): a mount left by a killed run could not be cleared there.
  const path = mkdtempSync(join(tmpdir(), 'gapmesh-disk-'))
  onEnd(() => rmdirSync(path))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  onEnd(() => execFileSync('umount', ['--lazy', path]))
  return path
}

/** Fills what is left of the disk. */
export function fill(file: string): void {
  for (const size of [65_536, 4096, 512]) {
    try {
      for (;;) writeFileSync(file, new Uint8Array(size), { flag: 'a' })
    } catch {}
  }
}
