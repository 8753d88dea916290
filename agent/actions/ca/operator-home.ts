import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fromHex, isDnsLabel, toHex } from '../../../core/index.ts'
import { makeDirectory, writeFileAtomically } from '../../../core/store/index.ts'
import { AGENT_ERRORS } from '../../errors.ts'
import { fromPem, toPem } from '../../node/home.ts'

/** Where an operator keeps what: who it is, its chain, its keys. Mode 0700. */
export interface OperatorHome {
  readonly directory: string
  /** Mesh, name, root fingerprint, and which key in the keystore is in use. No secrets. */
  readonly identity: string
  /** Certificate chain in PEM, leaf first, root last. */
  readonly chain: string
  readonly keystore: string
}

/** Who an operator is. */
export interface OperatorIdentity {
  readonly mesh: string
  readonly name: string
  readonly rootFingerprint: Uint8Array
  /** Name of its identity key in the keystore; another one after each renewal. */
  readonly identityKey: string
  /** DER, leaf first, root last. */
  readonly chain: readonly Uint8Array[]
}

/** The layout of an operator's home. Touches nothing. */
export function operatorHome(directory: string): OperatorHome {
  return {
    directory,
    identity: join(directory, 'operator.json'),
    chain: join(directory, 'chain.pem'),
    keystore: join(directory, 'keys'),
  }
}

/** Writes the chain, then the identity: a home without `operator.json` is none. */
export async function writeOperator(home: OperatorHome, operator: OperatorIdentity): Promise<void> {
  await makeDirectory(home.directory)
  const { mesh, name, rootFingerprint, identityKey: identity_key, chain } = operator
  await writeFileAtomically(home.chain, Buffer.from(chain.map(toPem).join('')), 0o644)
  const facts = { mesh, name, root_fingerprint: toHex(rootFingerprint), identity_key }
  await writeFileAtomically(home.identity, Buffer.from(`${JSON.stringify(facts, null, 2)}\n`), 0o644)
}

/** @throws AGENT_OPERATOR_HOME */
export async function readOperator(home: OperatorHome): Promise<OperatorIdentity> {
  try {
    const {
      mesh,
      name,
      root_fingerprint,
      identity_key: identityKey,
    } = JSON.parse(await readFile(home.identity, 'utf8'))
    const chain = fromPem(await readFile(home.chain, 'utf8'))
    const rootFingerprint = fromHex(root_fingerprint)
    const sound = isDnsLabel(mesh) && isDnsLabel(name) && typeof identityKey === 'string' && chain.length >= 2
    if (!sound || rootFingerprint.length !== 32) throw new RangeError('facts')
    return { mesh, name, rootFingerprint, identityKey, chain }
  } catch (cause) {
    throw AGENT_ERRORS.create('AGENT_OPERATOR_HOME', { detail: home.directory, cause })
  }
}
