/**
 * What the commands do that need more than the control socket: the CA's, enrolment, the daemon, the doctor, the demo. Each is
 * imported when it is called, so that a command loads only what it needs.
 */
import type { CliActions } from '../cli/index.ts'

/** The composition root's part of the command line. */
export function createActions(): CliActions {
  return {
    caInit: async (...given) => (await import('./ca.ts')).caInit(...given),
    caStatus: async (...given) => (await import('./ca.ts')).caStatus(...given),
    caToken: async (...given) => (await import('./ca.ts')).caToken(...given),
    caServe: async (...given) => (await import('./ca.ts')).caServe(...given),
    nodeEnroll: async (...given) => (await import('./enroll.ts')).nodeEnroll(...given),
    run: async (...given) => (await import('./run.ts')).run(...given),
    doctor: async (...given) => (await import('./doctor.ts')).doctor(...given),
    demo: async (...given) => (await import('../demo/index.ts')).demo(...given),
  }
}
