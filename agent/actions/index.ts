/**
 * What the commands do that need more than the control socket: the CA's, enrolment, the daemon, the doctor, the demo. Each is
 * imported when it is called, so that a command loads only what it needs.
 */
import type { CliActions } from '../cli/index.ts'

/** The composition root's part of the command line. */
export function createActions(): CliActions {
  return {
    caInit: async (...given) => (await import('./ca/serve.ts')).caInit(...given),
    caStatus: async (...given) => (await import('./ca/serve.ts')).caStatus(...given),
    caServe: async (...given) => (await import('./ca/serve.ts')).caServe(...given),
    caToken: async (...given) => (await import('./ca/members.ts')).caToken(...given),
    caList: async (...given) => (await import('./ca/members.ts')).caList(...given),
    caRevoke: async (...given) => (await import('./ca/members.ts')).caRevoke(...given),
    caPolicyShow: async (...given) => (await import('./ca/policy.ts')).caPolicyShow(...given),
    caPolicySet: async (...given) => (await import('./ca/policy.ts')).caPolicySet(...given),
    caOperatorAdd: async (...given) => (await import('./ca/operator.ts')).caOperatorAdd(...given),
    caOperatorRenew: async (...given) => (await import('./ca/operator.ts')).caOperatorRenew(...given),
    caApprove: async (...given) => (await import('./ca/operator.ts')).caApprove(...given),
    caAuditList: async (...given) => (await import('./ca/audit.ts')).caAuditList(...given),
    caAuditVerify: async (...given) => (await import('./ca/audit.ts')).caAuditVerify(...given),
    caAuditExport: async (...given) => (await import('./ca/audit.ts')).caAuditExport(...given),
    caExport: async (...given) => (await import('./ca/authority.ts')).caExport(...given),
    caIssuingRequest: async (...given) => (await import('./ca/authority.ts')).caIssuingRequest(...given),
    caIssuingSign: async (...given) => (await import('./ca/authority.ts')).caIssuingSign(...given),
    caIssuingInstall: async (...given) => (await import('./ca/authority.ts')).caIssuingInstall(...given),
    caRekey: async (...given) => (await import('./ca/authority.ts')).caRekey(...given),
    caRestored: async (...given) => (await import('./ca/authority.ts')).caRestored(...given),
    crlStatus: async (...given) => (await import('./crl.ts')).crlStatus(...given),
    crlImport: async (...given) => (await import('./crl.ts')).crlImport(...given),
    crlExport: async (...given) => (await import('./crl.ts')).crlExport(...given),
    directiveRevoke: async (...given) => (await import('./directive.ts')).directiveRevoke(...given),
    directiveRotate: async (...given) => (await import('./directive.ts')).directiveRotate(...given),
    crlShow: async (...given) => (await import('./crl.ts')).crlShow(...given),
    nodeEnroll: async (...given) => (await import('./enroll.ts')).nodeEnroll(...given),
    bundleDecode: async (...given) => (await import('./bundle/read.ts')).bundleDecode(...given),
    bundleVerify: async (...given) => (await import('./bundle/read.ts')).bundleVerify(...given),
    bundleEncode: async (...given) => (await import('./bundle/encode.ts')).bundleEncode(...given),
    run: async (...given) => (await import('./run.ts')).run(...given),
    doctor: async (...given) => (await import('./doctor.ts')).doctor(...given),
    demo: async (...given) => (await import('../demo/index.ts')).demo(...given),
  }
}
