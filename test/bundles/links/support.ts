/** Both ends of links in one process, and what they told. */
import { type EndpointId, nodeOf } from '../../../bundles/index.ts'
import type { Contact, Handover, LinkEvents, LinkSecurity } from '../../../bundles/links/index.ts'
import { noRevocations, parseChain, validatePath } from '../../../records/path/index.ts'
import type { TestMesh, TestNode } from '../../helpers/pki.ts'

/** Events of one end, kept; bundles are answered by `answer`. */
export class Recorder implements LinkEvents {
  readonly bundles: Uint8Array[] = []
  readonly contacts: Contact[] = []
  readonly ended: Contact[] = []
  /** What becomes of the bundle; default: taken. */
  answer: (bytes: Uint8Array) => Promise<Handover> = async () => ({ taken: true })
  #wake = Promise.withResolvers<void>()

  opened(contact: Contact): void {
    this.contacts.push(contact)
    this.#told()
  }

  closed(contact: Contact): void {
    this.ended.push(contact)
    this.#told()
  }

  received(bytes: Uint8Array, _from: Contact): Promise<Handover> {
    this.bundles.push(bytes.slice())
    this.#told()
    return this.answer(bytes)
  }

  /** Waits until `holds`, looking after each event. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await this.#wake.promise
  }

  #told(): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers<void>()
  }
}

/** What an agent does for its links: shows the node's certificate, believes members of the mesh. */
export function securityOf(mesh: TestMesh, node: TestNode): LinkSecurity {
  return {
    context: { cert: node.chainPem, key: node.keyPem },
    judge: async (chain): Promise<EndpointId> => {
      const policy = mesh.policy()
      const certificates = parseChain([...chain])
      const path = await validatePath(
        { chain: certificates, root: mesh.root.certificate, atMs: mesh.nowMs, revocations: noRevocations(), policy },
        { provider: mesh.provider },
      )
      return nodeOf(`dtn://${path.nodeId}.${mesh.mesh}/`)
    },
  }
}

/** Bytes that no two calls share, `length` of them. */
export function opaque(number: number, length = 64): Uint8Array {
  const bytes = new Uint8Array(length).fill(number % 251)
  bytes.set(Buffer.from(String(number)).subarray(0, length))
  return bytes
}
