import type { SignaturePolicy } from '../crypto/index.ts'
import type { Role } from '../records/path/index.ts'

/** What a mesh has in common, as its CA tells every node that enrols. */
export interface MeshSettings {
  readonly signaturePolicy: SignaturePolicy
  /** Peers to which a node forwards each message of gossip. */
  readonly gossipFanout: number
  /** Multiaddresses of nodes that can be dialled first. */
  readonly bootstrapPeers: readonly string[]
}

/** {@link MeshSettings} with what belongs to one answer. */
export interface MeshConfig extends MeshSettings {
  /** Where revocation lists are fetched. */
  readonly crlUrl: string
  readonly pseudonym: PseudonymKey
}

/** Key of the keyed hashes under which addresses leave a node. */
export interface PseudonymKey {
  readonly epoch: number
  /** 32 bytes, secret within the mesh. */
  readonly key: Uint8Array
}

/** `POST /v1/enroll`, read from its JSON. */
export interface EnrollmentRequest {
  /** Text of the token. */
  readonly token: string
  /** PKCS#10, DER. */
  readonly csr: Uint8Array
  /** Where the token does not name the node. */
  readonly nodeId?: string | undefined
  /** Multiaddresses under which the node can be dialled. */
  readonly addresses: readonly string[]
}

/** What a node gets. */
export interface EnrollmentAnswer {
  /** DER: leaf first, root last. */
  readonly chain: readonly Uint8Array[]
  readonly config: MeshConfig
}

/** What the CA fixed when it made a token. */
export interface TokenTerms {
  readonly createdAtMs: number
  /** First moment at which the token is refused. */
  readonly expiresAtMs: number
  readonly uses: number
  /** Undefined: the request names the node. */
  readonly nodeId: string | undefined
  /** Roles of the certificate. */
  readonly roles: readonly Role[]
  /** Words that the CA keeps with the node. */
  readonly labels: readonly string[]
  /** Whether the node must prove its device, whatever the policy says. */
  readonly attestation: 'none' | 'required'
}
