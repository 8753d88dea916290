import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fromHex, isDnsLabel, toHex } from '../../core/index.ts'
import { makeDirectory, writeFileAtomically } from '../../core/store/index.ts'
import { AGENT_ERRORS } from '../errors.ts'

/** Where a node keeps what. Everything of a node is below one directory, mode 0700. */
export interface NodeHome {
  readonly directory: string
  /** Optional YAML settings. */
  readonly config: string
  /** Who this node is: mesh, node_id, root fingerprint, pseudonym epoch, bootstrap peers, address of the CA. No secrets. */
  readonly identity: string
  /** Certificate chain, leaf first, root last. */
  readonly chain: string
  /** Wrapped keys. */
  readonly keystore: string
  readonly database: string
  /** Bundles too large for the database. */
  readonly bundles: string
  /** Control socket of a running agent. */
  readonly socket: string
}

/** The layout of a node's home at `directory`. Touches nothing. */
export function nodeHome(directory: string): NodeHome {
  return {
    directory,
    config: join(directory, 'config.yaml'),
    identity: join(directory, 'node.json'),
    chain: join(directory, 'chain.pem'),
    keystore: join(directory, 'keys'),
    database: join(directory, 'db'),
    bundles: join(directory, 'bundles'),
    socket: join(directory, 'gapmesh.sock'),
  }
}

/** What enrolment gave a node, apart from keys. */
export interface NodeIdentity {
  readonly mesh: string
  readonly nodeId: string
  readonly rootFingerprint: Uint8Array
  readonly pseudonymEpoch: number
  /** Multiaddrs of peers to dial first. */
  readonly bootstrapPeers: readonly string[]
  /** Where the CA answered; undefined in homes that were enrolled before it was kept. */
  readonly caUrl?: string | undefined
  /** Beginning of the certificate that enrolment gave: an operator was there, so it is at least so late. */
  readonly enrolledAtMs?: number | undefined
  /** DER, leaf first, root last. */
  readonly chain: readonly Uint8Array[]
}

/** Writes the chain, then the facts: a home without `node.json` is not enrolled. */
export async function writeIdentity(home: NodeHome, identity: NodeIdentity): Promise<void> {
  await makeDirectory(home.directory)
  await writeChain(home, identity.chain)
  await writeFacts(home, identity)
}

/** Replaces the chain. From here on it says which identity key is in use. */
export async function writeChain(home: NodeHome, chain: readonly Uint8Array[]): Promise<void> {
  await writeFileAtomically(home.chain, Buffer.from(chain.map(toPem).join('')), 0o644)
}

/** Replaces `node.json`. */
export async function writeFacts(home: NodeHome, identity: Omit<NodeIdentity, 'chain'>): Promise<void> {
  const facts = {
    mesh: identity.mesh,
    node_id: identity.nodeId,
    root_fingerprint: toHex(identity.rootFingerprint),
    pseudonym_epoch: identity.pseudonymEpoch,
    bootstrap_peers: identity.bootstrapPeers,
    ca_url: identity.caUrl,
    enrolled_at_ms: identity.enrolledAtMs,
  }
  await writeFileAtomically(home.identity, Buffer.from(`${JSON.stringify(facts, null, 2)}\n`), 0o644)
}

/**
 * Reads what enrolment left in `home`.
 * @throws AGENT_HOME_NOT_ENROLLED, AGENT_HOME_BROKEN
 */
export async function readIdentity(home: NodeHome): Promise<NodeIdentity> {
  const text = await readText(home.identity)
  if (text === undefined) throw AGENT_ERRORS.create('AGENT_HOME_NOT_ENROLLED', { metadata: { home: home.directory } })
  const chain = fromPem((await readText(home.chain)) ?? '')
  const identity = parseFacts(text)
  if (identity === undefined || chain.length < 2) {
    throw AGENT_ERRORS.create('AGENT_HOME_BROKEN', { metadata: { home: home.directory } })
  }
  return { ...identity, chain }
}

function parseFacts(text: string): Omit<NodeIdentity, 'chain'> | undefined {
  try {
    const facts = JSON.parse(text)
    if (!isDnsLabel(facts.mesh) || !isDnsLabel(facts.node_id) || !Number.isSafeInteger(facts.pseudonym_epoch))
      return undefined
    const rootFingerprint = fromHex(facts.root_fingerprint)
    if (rootFingerprint.length !== 32) return undefined
    const bootstrapPeers = facts.bootstrap_peers.map(String)
    const { ca_url: caUrl, enrolled_at_ms: enrolledAtMs } = facts
    if (caUrl !== undefined && typeof caUrl !== 'string') return undefined
    if (enrolledAtMs !== undefined && !Number.isSafeInteger(enrolledAtMs)) return undefined
    return {
      mesh: facts.mesh,
      nodeId: facts.node_id,
      rootFingerprint,
      pseudonymEpoch: facts.pseudonym_epoch,
      bootstrapPeers,
      caUrl,
      enrolledAtMs,
    }
  } catch {
    return undefined
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** PEM of one certificate (RFC 7468). */
export function toPem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

/** DER of every certificate in a PEM text, in order. */
export function fromPem(pem: string): Uint8Array[] {
  const blocks = pem.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g)
  return [...blocks].map(([, base64 = '']) => new Uint8Array(Buffer.from(base64, 'base64')))
}
