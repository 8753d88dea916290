/**
 * Enrolment over the network. {@link serveCa} opens a CA's HTTPS endpoint; {@link enrollNode} is the node's side: it
 * makes the keys, sends the request and checks the answer. {@link requestEnrollment} is the bare call. What a member asks
 * later ({@link requestRotation}, {@link fetchPseudonym}) and what an operator instructs ({@link requestRevocation} and
 * others) is proven by its certificate; anybody may {@link fetchList}.
 */
export {
  type Enrollment,
  type RequestEnrollmentOptions,
  requestEnrollment,
} from './client.ts'
export type { CaAddress, ClientDependencies, MemberCredentials } from './connection.ts'
export {
  type EnrollNodeDependencies,
  type EnrollNodeOptions,
  enrollNode,
  type NodeEnrollment,
} from './enroll-node.ts'
export {
  type FetchedList,
  type FetchListOptions,
  fetchList,
  fetchPseudonym,
  type MemberOptions,
  type RequestRotationOptions,
  type Rotated,
  requestRotation,
} from './member-client.ts'
export { openApi } from './openapi.ts'
export {
  approveRootChange,
  getPolicy,
  type OperatorOptions,
  requestOperatorRotation,
  requestRevocation,
  requestToken,
  setPolicy,
} from './operator-client.ts'
export { type CaServer, type ServeCaDependencies, type ServeCaOptions, serveCa } from './server.ts'
