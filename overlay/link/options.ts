import {
  type Clock,
  checkOptionKeys,
  checkWholeNumber,
  isDnsLabel,
  type Logger,
  type RandomSource,
} from '../../core/index.ts'
import type { SignatureProvider, SigningKey } from '../../crypto/index.ts'
import type { AdmissionSink } from '../admission.ts'
import { DEFAULT_HANDSHAKE_TIMEOUT_MS } from '../limits.ts'
import type { PeerGate } from '../ports.ts'
import { areFeatures } from './statement.ts'
import { LINK_PROFILES, type LinkCredentials, type LinkLevel } from './tls-endpoint.ts'

export interface MeshTlsOptions extends LinkCredentials {
  readonly mesh: string
  /** Root certificate of the mesh, DER. */
  readonly rootDer: Uint8Array
  /** Signs the admission statement beside the identity key. */
  readonly deviceKey: SigningKey
  /** Default `level5`. */
  readonly level?: LinkLevel
  /** Number of the signed mesh configuration this node runs by. Default 0: none yet. */
  readonly policyVersion?: number
  /** Optional abilities of this node, sorted, each once. Default none. */
  readonly features?: readonly string[]
  /** For TLS and admission together, in milliseconds. Default {@link DEFAULT_HANDSHAKE_TIMEOUT_MS}. */
  readonly handshakeTimeoutMs?: number
}

export interface MeshTlsDependencies {
  readonly gate: PeerGate
  readonly provider: SignatureProvider
  readonly clock: Clock
  readonly random: RandomSource
  readonly logger: Logger
  /** Told of every admission and refusal. */
  readonly sink: AdmissionSink
}

/** The options that do not change with the certificate, defaults filled in. */
export type LinkSettings = Required<Omit<MeshTlsOptions, 'deviceKey' | keyof LinkCredentials>>

const OPTION_KEYS = [
  'chainDer',
  'identityKey',
  'mesh',
  'rootDer',
  'deviceKey',
  'level',
  'policyVersion',
  'features',
  'handshakeTimeoutMs',
]

/**
 * Checks the options of a link.
 * @throws {TypeError} when one is unknown or out of bounds
 */
export function checkedOptions(options: MeshTlsOptions): LinkSettings {
  checkOptionKeys('MeshTls', options, OPTION_KEYS)
  const { mesh, rootDer, level = 'level5', policyVersion = 0, features = [] } = options
  const { handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS } = options
  if (!isDnsLabel(mesh)) throw new TypeError('mesh must be a DNS label')
  if (!Object.hasOwn(LINK_PROFILES, level)) throw new TypeError('level must be level5 or level3')
  if (!areFeatures(features)) throw new TypeError('features must be few short names, sorted, each once')
  checkWholeNumber('policyVersion', policyVersion, { min: 0, max: Number.MAX_SAFE_INTEGER })
  checkWholeNumber('handshakeTimeoutMs', handshakeTimeoutMs, { min: 1, max: 600_000 })
  return { mesh, rootDer, level, policyVersion, features, handshakeTimeoutMs }
}

/**
 * Checks what a node is to show.
 * @throws {TypeError} when there is no certificate
 */
export function checkedCredentials(credentials: LinkCredentials): LinkCredentials {
  if (credentials.chainDer.length === 0) throw new TypeError('chainDer must hold the certificate of this node')
  return credentials
}
