/**
 * Loaded ahead of a command (`node --import`): kills the process just before its file operation number GAPMESH_TEST_DIE_AT,
 * counted from 1 over everything that makes, links or renames a file or a directory.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const dieAt = Number(process.env.GAPMESH_TEST_DIE_AT)
let count = 0

function counted<Call extends (...args: never[]) => unknown>(call: Call, counts = (..._args: unknown[]) => true): Call {
  return ((...args: never[]) => {
    if (counts(...args)) count += 1
    if (count === dieAt) process.kill(process.pid, 'SIGKILL')
    return call(...args)
  }) as Call
}

const { promises } = fs
promises.rename = counted(promises.rename)
promises.link = counted(promises.link)
promises.mkdir = counted(promises.mkdir)
promises.open = counted(promises.open, (_path, flags) => typeof flags === 'string' && /[wax]/.test(flags))
syncBuiltinESMExports()
process.once('exit', () => {
  process.stderr.write(`file operations: ${count}\n`)
})
