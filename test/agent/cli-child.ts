/** The command line with actions that only tell what they were given, for transcripts: `node cli-child.ts <arguments>`. */
import { type CliActions, processIo, runCli } from '../../agent/cli/index.ts'
import { defineErrors } from '../../core/index.ts'

const ERRORS = defineErrors('test', {
  TEST_FAILED: { message: 'it failed \u001b[31mred', hint: 'Try again.' },
  TEST_REFUSED: { message: 'the policy said no' },
  TEST_INVALID: { message: 'the signature is wrong', action: 'reject' },
})

const tell =
  (name: string) =>
  async (options: object, context: Parameters<CliActions['run']>[1]): Promise<undefined> => {
    context.result({ name, options, home: context.home }, `${name} ${JSON.stringify(options)}`)
    context.note('a remark')
    return undefined
  }

const actions: Partial<CliActions> = {
  caInit: async (_options, context) => {
    const secret = await context.readSecret({ prompt: 'Passphrase', create: true, file: _options.passphraseFile })
    context.result({ length: secret.length }, `${secret.length} characters`)
    return 0
  },
  caStatus: async () => {
    throw ERRORS.create('TEST_FAILED')
  },
  caToken: async () => {
    throw ERRORS.create('TEST_REFUSED')
  },
  caServe: async (_options, context) => {
    context.result({}, 'serving')
    const alive = setInterval(() => {}, 1000)
    await new Promise((resolve) => context.signal.addEventListener('abort', resolve))
    clearInterval(alive)
    context.result({}, 'stopped')
    return 0
  },
  nodeEnroll: tell('nodeEnroll'),
  run: tell('run'),
  doctor: async () => 1,
  demo: async (options) => {
    if (options.eve === 'defect') throw new TypeError('undefined is not a function')
    throw ERRORS.create('TEST_INVALID')
  },
}

process.exitCode = await runCli(process.argv.slice(2), {
  version: '1.2.3',
  io: processIo(),
  // The commands of these tests need no others.
  loadActions: async () => actions as CliActions,
})
