import { defineErrors } from '../core/index.ts'

/** Errors of enrolment: tokens, requests, the CA's decisions, the call over the network. */
export const ENROLLMENT_ERRORS = defineErrors('enrollment', {
  ENROLLMENT_TOKEN_FORMAT: {
    message: 'the token is not of the form gm1.<mesh>.<root fingerprint>.<secret>.<checksum>',
    hint: 'Copy the whole token, as printed by: gapmesh ca token',
    action: 'reject',
  },
  ENROLLMENT_TOKEN_CHECKSUM: {
    message: 'the token has a typing error',
    hint: 'Its checksum does not fit: compare it with the original.',
    action: 'reject',
  },
  ENROLLMENT_TOKEN_FOREIGN: {
    message: 'the token is for another mesh or another root',
    hint: 'Compare mesh and root fingerprint with: gapmesh ca status',
    action: 'reject',
  },
  ENROLLMENT_TOKEN_UNKNOWN: { message: 'the token was never issued here', action: 'reject' },
  ENROLLMENT_TOKEN_EXPIRED: {
    message: 'the token has expired',
    hint: 'Make a new one with: gapmesh ca token',
    action: 'reject',
  },
  ENROLLMENT_TOKEN_USED: {
    message: 'the token has been used',
    hint: 'If that was not you, find out who enrolled: gapmesh ca status',
    action: 'reject',
  },
  ENROLLMENT_NODE_ID_MISSING: {
    message: 'neither the token nor the request names the node',
    hint: 'Give a node_id with --node-id.',
    action: 'reject',
  },
  ENROLLMENT_NODE_ID_MISMATCH: { message: 'the token is for a node with another node_id', action: 'reject' },
  ENROLLMENT_NODE_ID_TAKEN: {
    message: 'the node_id is reserved or belongs to another identity key',
    hint: 'Choose another node_id.',
    action: 'reject',
  },

  ENROLLMENT_REQUEST_MALFORMED: { message: 'the enrolment request is malformed', action: 'reject' },
  ENROLLMENT_CSR_TOO_LARGE: { message: 'the certificate request is larger than its cap', action: 'reject' },
  ENROLLMENT_CSR_MALFORMED: {
    message: 'the certificate request is malformed or outside the profile',
    action: 'reject',
  },
  ENROLLMENT_CSR_PROOF: { message: 'the certificate request does not prove possession of a key', action: 'reject' },
  ENROLLMENT_PEM: { message: 'the text is not PEM of the expected kind', action: 'reject' },

  ENROLLMENT_CA_EXISTS: {
    message: 'there is a mesh CA in this directory already',
    hint: 'Open it, or choose another directory; nothing was changed.',
  },
  ENROLLMENT_CA_MISSING: {
    message: 'there is no mesh CA in this directory',
    hint: 'Make one with: gapmesh ca init',
  },
  ENROLLMENT_CA_DAMAGED: {
    message: "the CA's directory is incomplete or damaged",
    hint: 'Restore the directory from a backup.',
  },
  ENROLLMENT_BUSY: { message: 'too many enrolments are waiting', hint: 'Try again in a minute.', action: 'ignore' },

  ENROLLMENT_LISTEN: {
    message: 'the CA cannot listen on this address',
    hint: 'Is the port in use, or the address not one of this machine?',
  },
  ENROLLMENT_URL: { message: 'the address of the CA is not an https URL' },
  ENROLLMENT_UNREACHABLE: {
    message: 'the CA cannot be reached',
    hint: 'Check the address, the port and any firewall between here and the CA.',
  },
  ENROLLMENT_TIMEOUT: { message: 'the CA did not answer in time', hint: 'Try again with the same token.' },
  ENROLLMENT_SERVER_UNTRUSTED: {
    message: 'the server is not the CA that the token names; the token was not sent',
    hint: 'Check the address. If it is right, somebody stands in between.',
  },
  ENROLLMENT_REFUSED: {
    message: 'the CA refused the enrolment',
    hint: "The CA's log says why: token used or expired, node_id taken or another one than the token's.",
  },
  ENROLLMENT_RATE_LIMITED: { message: 'the CA asks to wait', hint: 'Try again in a minute with the same token.' },
  ENROLLMENT_ANSWER_MALFORMED: { message: "the CA's answer is malformed or too large" },
  ENROLLMENT_ANSWER_WRONG: { message: "the CA's certificate is not for this node, its keys or this mesh" },
})
