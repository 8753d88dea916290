import type { SuiteName } from '../../crypto/index.ts'

/** How strong, and so how large, the post-quantum half of a mesh is; one for the whole mesh, that of its root. */
export type MeshSuite = 'level5' | 'level3'

/** What the root's main key, the CA's server and every node sign with, by suite of the mesh. */
export const IDENTITY_SUITES = Object.freeze({
  level5: 'ml-dsa-87',
  level3: 'ml-dsa-65',
}) satisfies Readonly<Record<MeshSuite, SuiteName>>

/** The suite of the mesh in which identity keys are of `suite`. */
export function meshSuiteOf(suite: SuiteName): MeshSuite {
  return suite === IDENTITY_SUITES.level3 ? 'level3' : 'level5'
}
