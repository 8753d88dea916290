import { isGapmeshError } from '../../../core/index.ts'
import { type MeshCa, openCa } from '../../../enrollment/store/index.ts'
import { type CaOptions, type CommandContext, clientOf, type KeystoreOptions } from '../../cli/index.ts'
import {
  badParameter,
  type ControlClient,
  type ControlHandlers,
  type ControlMethods,
  type ControlStreams,
  type MethodName,
  type StreamName,
} from '../../control/index.ts'
import { AGENT_ERRORS } from '../../errors.ts'
import { systemDependencies } from '../system.ts'
import { unlockWith } from '../unlock.ts'
import { caHandlers } from './handlers.ts'

/** The CA of a command, wherever it is. */
export interface CaDesk {
  ask<Name extends MethodName>(
    method: Name,
    params: ControlMethods[Name]['params'],
  ): Promise<ControlMethods[Name]['result']>
  /** Gives each item to `take`. Not over HTTPS. */
  stream<Name extends StreamName>(
    method: Name,
    params: ControlStreams[Name]['params'],
    take: (item: ControlStreams[Name]['item']) => unknown,
  ): Promise<void>
}

/**
 * Lets `use` ask the CA: over HTTPS as an operator, through the control socket while it serves (a database has one
 * process at a time), else by opening it, once.
 */
export async function atDesk<Result>(
  options: CaOptions,
  context: CommandContext,
  use: (desk: CaDesk) => Promise<Result>,
): Promise<Result> {
  if (options.url !== undefined) {
    const { operatorHandlers } = await import('./operator-desk.ts')
    return use(deskOf(await operatorHandlers(options, context), context))
  }
  const home = new HomeDesk(options, context)
  try {
    return await use(home)
  } finally {
    await home.close()
  }
}

class HomeDesk implements CaDesk {
  readonly #options: KeystoreOptions
  readonly #context: CommandContext
  #ca: MeshCa | undefined

  constructor(options: KeystoreOptions, context: CommandContext) {
    this.#options = options
    this.#context = context
  }

  async ask<Name extends MethodName>(
    method: Name,
    params: ControlMethods[Name]['params'],
  ): Promise<ControlMethods[Name]['result']> {
    const opened = await this.#unlessServing((client) => client.call(method, params))
    return 'desk' in opened ? opened.desk.ask(method, params) : opened.answer
  }

  async stream<Name extends StreamName>(
    method: Name,
    params: ControlStreams[Name]['params'],
    take: (item: ControlStreams[Name]['item']) => unknown,
  ): Promise<void> {
    const opened = await this.#unlessServing(async (client) => {
      for await (const item of client.stream(method, params, this.#context.signal)) await take(item)
    })
    if ('desk' in opened) await opened.desk.stream(method, params, take)
  }

  async close(): Promise<void> {
    await this.#ca?.close()
  }

  async #unlessServing<Answer>(
    ask: (client: ControlClient) => Promise<Answer>,
  ): Promise<{ answer: Answer } | { desk: CaDesk }> {
    if (this.#ca === undefined) {
      try {
        return { answer: await ask(clientOf(this.#context)) }
      } catch (error) {
        if (!isGapmeshError(error, 'AGENT_CONTROL_NOT_RUNNING')) throw error
      }
      this.#ca = await openHome(this.#options, this.#context)
    }
    return { desk: deskOf(caHandlers(this.#ca, systemDependencies().clock), this.#context) }
  }
}

/** Opens the CA of the command's home; the caller closes it. */
export async function openHome(options: KeystoreOptions, context: CommandContext): Promise<MeshCa> {
  const unlock = await unlockWith(options, context, { prompt: 'Passphrase of the CA keystore', create: false })
  return openCa({ home: context.home, unlock }, systemDependencies())
}

type Handler = (params: never, signal: AbortSignal) => unknown

function deskOf(handlers: ControlHandlers, { signal }: CommandContext): CaDesk {
  const answer = (method: MethodName | StreamName, params: object) => {
    const handler = handlers[method] as Handler | undefined
    if (handler === undefined) throw AGENT_ERRORS.create('AGENT_CA_NOT_REMOTE')
    // As strictly as the control socket.
    const bad = badParameter(method, params)
    if (bad !== undefined) throw AGENT_ERRORS.create('AGENT_CONTROL_PARAMETER', { detail: bad })
    return handler(params as never, signal)
  }
  return {
    ask: async (method, params) => (await answer(method, params)) as never,
    async stream(method, params, take) {
      for await (const item of answer(method, params) as AsyncIterable<never>) await take(item)
    },
  }
}
