import type { Logger, RandomSource } from '../../core/index.ts'
import { meshSuiteOf } from '../../enrollment/keys/index.ts'
import {
  type EncrypterFactory,
  type LinkCredentials,
  MeshQuic,
  MeshTls,
  type PeerGate,
  type QuicFactory,
} from '../../overlay/index.ts'
import type { Foundation } from './foundation.ts'
import type { Credentials } from './membership.ts'

export interface LinksDependencies extends Foundation {
  readonly random: RandomSource
  readonly logger: Logger
  readonly gate: PeerGate
}

/** The links of a node, which show what it is at that moment: after a renewal new connections show the new certificate. */
export function meshLinks(dependencies: LinksDependencies): { encrypter: EncrypterFactory; quic: QuicFactory } {
  const { identity, keys, membership } = dependencies
  const { root, identityKey } = membership.current
  const level = meshSuiteOf(identityKey.publicKey.suite.name)
  const fixed = { mesh: identity.mesh, level, rootDer: root.der, deviceKey: keys.deviceKey }
  const options = () => ({ ...fixed, ...shown(membership.current) })
  const renewed = <Link extends { renew(credentials: LinkCredentials): void }>(link: Link): Link => {
    membership.onReplaced((credentials) => link.renew(shown(credentials)))
    return link
  }
  return {
    encrypter: (sink) => renewed(new MeshTls(options(), { ...dependencies, sink })),
    quic: (sink) => renewed(new MeshQuic(options(), { ...dependencies, sink })),
  }
}

function shown({ chain: chainDer, identityKey }: Credentials): LinkCredentials {
  return { chainDer, identityKey }
}
