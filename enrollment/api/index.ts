/**
 * Enrolment over the network. {@link serveCa} opens a CA's HTTPS endpoint; {@link enrollNode} is the node's side: it
 * makes the keys, sends the request and checks the answer. {@link requestEnrollment} is the bare call.
 */
export {
  type Enrollment,
  type RequestEnrollmentDependencies,
  type RequestEnrollmentOptions,
  requestEnrollment,
} from './client.ts'
export {
  type EnrollNodeDependencies,
  type EnrollNodeOptions,
  enrollNode,
  NODE_KEYS,
  type NodeEnrollment,
} from './enroll-node.ts'
export { type CaServer, type ServeCaDependencies, type ServeCaOptions, serveCa } from './server.ts'
