import { fromHex } from '../../../core/index.ts'
import { encodePem } from '../../../enrollment/index.ts'
import { initIssuingCa, installIssuingCa } from '../../../enrollment/store/index.ts'
import type {
  Action,
  CaExportOptions,
  CaInstallOptions,
  CaIssuingRequestOptions,
  CaOptions,
  CaRestoredOptions,
  CaSignOptions,
} from '../../cli/index.ts'
import { timeText } from '../../cli/index.ts'
import { systemDependencies } from '../system.ts'
import { unlockWith } from '../unlock.ts'
import { atDesk } from './desk.ts'
import { derOf, readInput, writeOutput } from './files.ts'
import { fromBase64, toBase64 } from './handlers.ts'

const MAX_ISSUING_BYTES = 96 * 1024
const MAX_LIST_BYTES = 32 * 1024 * 1024

/** `gapmesh ca export`: the root certificate. */
export const caExport: Action<CaExportOptions & { readonly format: 'pem' | 'der' }> = async (options, context) => {
  const der = fromBase64((await atDesk(options, context, (desk) => desk.ask('ca.root', {}))).der)
  const bytes = options.format === 'der' ? der : Buffer.from(encodePem('CERTIFICATE', der))
  const path = await writeOutput(options.out, bytes, context)
  context.result({ path, format: options.format }, `The root certificate is in ${path}`)
  return 0
}

/** `gapmesh ca issuing request`: makes the keys of an issuing CA in the home; what the root has to sign goes into a file. */
export const caIssuingRequest: Action<CaIssuingRequestOptions> = async (options, context) => {
  const unlock = await unlockWith(options, context, { prompt: 'Passphrase of the new CA keystore', create: true })
  const request = await initIssuingCa({ home: context.home, unlock, suite: options.suite }, systemDependencies())
  const path = await writeOutput(options.out, request, context)
  context.result({ path }, `The request is in ${path}`)
  context.note(`Next, where the root is: gapmesh ca issuing sign ${options.out} --home ROOT --out ANSWER`)
  return 0
}

/** `gapmesh ca issuing sign`: the root's answer to such a request. */
export const caIssuingSign: Action<CaSignOptions> = async (options, context) => {
  const request = toBase64(await readInput(options.file, MAX_ISSUING_BYTES, context))
  const { answer, root } = await atDesk(options, context, async (desk) => ({
    ...(await desk.ask('ca.signIssuing', { request })),
    ...(await desk.ask('ca.status', {})),
  }))
  const path = await writeOutput(options.out, fromBase64(answer), context)
  context.result({ path }, `The answer is in ${path}`)
  context.note(
    `Next, where the request was made: gapmesh ca issuing install ANSWER --home HOME --root ${root.fingerprint}`,
  )
  return 0
}

/** `gapmesh ca issuing install`: from then on the home is a CA under that root. */
export const caIssuingInstall: Action<CaInstallOptions> = async (options, context) => {
  const unlock = await unlockWith(options, context, { prompt: 'Passphrase of the CA keystore', create: false })
  const answer = await readInput(options.file, MAX_ISSUING_BYTES, context)
  const rootFingerprint = fromHex(options.root)
  const ca = await installIssuingCa({ home: context.home, unlock, rootFingerprint, answer }, systemDependencies())
  try {
    const { mesh, root } = await ca.status()
    context.result({ mesh, root }, `This home issues for ${mesh} now`)
  } finally {
    await ca.close()
  }
  return 0
}

/** `gapmesh ca rekey`: a new root key that the old one vouches for. */
export const caRekey: Action<CaOptions> = async (options, context) => {
  const { keyId, notAfterMs } = await atDesk(options, context, (desk) => desk.ask('ca.rekey', {}))
  context.result({ keyId, notAfterMs }, `From now on ${keyId.slice(0, 16)} signs, until ${timeText(notAfterMs)}`)
  context.note('Certificates that were issued before stay good; the mesh is known by its first root for ever.')
  return 0
}

/** `gapmesh ca restored`: says that the home comes from a backup. */
export const caRestored: Action<CaRestoredOptions> = async (options, context) => {
  const files = await Promise.all(options.lists.map((name) => readInput(name, MAX_LIST_BYTES, context)))
  const lists = files.map((bytes) => toBase64(derOf(bytes)))
  const { lists: issued } = await atDesk(options, context, async (desk) => {
    await desk.ask('ca.restored', { lists })
    return desk.ask('crl.status', {})
  })
  const number = issued.find(({ own }) => own)?.number ?? ''
  context.result({ number }, `List numbers go on from ${number}; open tokens are void; the pseudonym key is new.`)
  return 0
}
