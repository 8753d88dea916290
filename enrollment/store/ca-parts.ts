import type { Keystore } from '../../crypto/store/index.ts'
import type { Authorities } from './authorities.ts'
import type { CaStore } from './ca-store.ts'
import type { CaDependencies } from './ca-types.ts'
import type { ImportedLists } from './imported-lists.ts'

/** What the parts of a CA share. */
export interface CaParts {
  readonly mesh: string
  readonly store: CaStore
  readonly keystore: Keystore
  readonly authorities: Authorities
  readonly imported: ImportedLists
  readonly dependencies: CaDependencies
}
