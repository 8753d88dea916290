/**
 * Of which suite a node's keys are and under which names enrolment leaves them in its keystore. Apart from the rest, so
 * that a running node knows it without loading a CA.
 */
export { NODE_KEYS, pseudonymEpochOf, pseudonymKeyName } from './names.ts'
export { IDENTITY_SUITES, type MeshSuite, meshSuiteOf } from './suites.ts'
