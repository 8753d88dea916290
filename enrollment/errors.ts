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
    hint: 'If that was not you, find out who enrolled: gapmesh ca audit list',
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
  ENROLLMENT_KEY_TAKEN: {
    message: 'the identity key has a certificate under another name',
    hint: 'One home is one node: use another --home for another node_id.',
    action: 'reject',
  },

  ENROLLMENT_REQUEST_MALFORMED: { message: 'the enrolment request is malformed', action: 'reject' },
  ENROLLMENT_CSR_TOO_LARGE: { message: 'the certificate request is larger than its cap', action: 'reject' },
  ENROLLMENT_CSR_MALFORMED: {
    message: 'the certificate request is malformed or outside the profile',
    action: 'reject',
  },
  ENROLLMENT_CSR_PROOF: { message: 'the certificate request does not prove possession of a key', action: 'reject' },
  ENROLLMENT_CSR_SUITE: {
    message: 'the identity key is not of the suite of this mesh',
    hint: 'Enrol from a home without keys: they are made to fit the mesh.',
    action: 'reject',
  },
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
  ENROLLMENT_URL: {
    message: 'the address of the CA is not an https URL',
    hint: 'It looks like https://ca.example:8443, without a path.',
  },
  ENROLLMENT_UNREACHABLE: {
    message: 'the CA cannot be reached',
    hint: 'Check the address, the port and any firewall between here and the CA.',
  },
  ENROLLMENT_TIMEOUT: { message: 'the CA did not answer in time', hint: 'Try again with the same token.' },
  ENROLLMENT_SERVER_UNTRUSTED: {
    message: 'the server is not the CA that the token names; the token was not sent',
    hint: 'Check the address, and the clock of this machine. If both are right, somebody stands in between.',
  },
  ENROLLMENT_REFUSED: {
    message: 'the CA refused the request',
    hint: "The CA's log says why: token used or expired, node_id taken, certificate revoked, or against the policy.",
  },
  ENROLLMENT_UNAUTHENTICATED: {
    message: 'the CA does not know who asks: it needs a valid certificate of its mesh',
    hint: 'Has the certificate expired, or is it of another mesh?',
  },
  ENROLLMENT_NOT_ALLOWED: {
    message: 'the certificate that was presented is valid, but not for this',
    hint: 'Nodes renew themselves; operators instruct the CA.',
    action: 'ignore',
  },
  ENROLLMENT_NOT_FOUND: {
    message: 'the CA has nothing by that name',
    hint: 'gapmesh ca list shows the certificates that it issued.',
  },
  ENROLLMENT_UNAVAILABLE: {
    message: 'the CA decides nothing for now: it runs on an old backup',
    hint: 'Its operator tells it with: gapmesh ca restored. Then try again, with a new token where one is needed.',
  },
  ENROLLMENT_RATE_LIMITED: { message: 'the CA asks to wait', hint: 'Try again in a minute with the same token.' },
  ENROLLMENT_POLICY: {
    message: 'the policy of the mesh does not admit this node',
    hint: 'The detail names the rule. The whole policy: gapmesh ca policy show',
  },
  ENROLLMENT_POLICY_MALFORMED: {
    message: 'the policy is outside its bounds',
    hint: 'The detail names the member. docs/limits.md has the bounds.',
  },
  ENROLLMENT_PEER_UNTRUSTED: {
    message: 'the certificate that was presented does not hold here',
    hint: 'It must be of this mesh, valid now, and for what is asked.',
    action: 'ignore',
  },
  ENROLLMENT_PEER_REVOKED: {
    message: 'the certificate that was presented, or another one of the same holder, is revoked',
    hint: 'To take the holder back, an operator makes a new token for it: gapmesh ca token --node-id NODE',
    action: 'ignore',
  },
  ENROLLMENT_KEY_REVOKED: {
    message: 'the identity key of the request was revoked',
    hint: 'A key that was revoked gets no certificate again: make a new one.',
    action: 'reject',
  },
  ENROLLMENT_RENEWAL_SERIAL: {
    message: 'the renewal is for another certificate than the one that was presented',
    action: 'reject',
  },
  ENROLLMENT_RENEWAL_KEY: {
    message: 'a renewal needs a new identity key and the same overlay key',
    hint: 'The detail says which key is wrong.',
    action: 'reject',
  },
  ENROLLMENT_RENEWAL_ELSEWHERE: {
    message: 'another CA of the mesh has issued the certificate',
    hint: 'Renew it where it was issued, or enrol here with a token.',
    action: 'ignore',
  },
  ENROLLMENT_GRACE_OVER: {
    message: 'the certificate expired too long ago to be renewed, or the node has had a later one',
    hint: 'Enrol the node anew with a token for its node_id; its keys may stay.',
    action: 'ignore',
  },
  ENROLLMENT_GRACE_USED: {
    message: 'the node has been renewed after expiry as often as the policy lets it',
    hint: 'Enrol the node anew with a token for its node_id; its keys may stay.',
    action: 'ignore',
  },
  ENROLLMENT_CA_BEHIND: {
    message: 'the CA runs on an old backup: a certificate turned up that it signed and does not know',
    hint: 'Tell it with: gapmesh ca restored. Its list numbers jump ahead and open tokens become void.',
    action: 'ignore',
  },
  ENROLLMENT_DELEGATED: {
    message: 'an issuing CA enrols the nodes of this mesh',
    hint: 'Make the token and enrol there. To take it back, revoke the certificate of that CA.',
  },
  ENROLLMENT_CERTIFICATE_UNKNOWN: {
    message: 'the CA has issued no such certificate',
    hint: 'gapmesh ca list shows what it has issued.',
    action: 'ignore',
  },
  ENROLLMENT_OPERATOR_EXISTS: {
    message: 'there is an operator of that name with another key',
    hint: 'Revoke that one first, or choose another name.',
  },
  ENROLLMENT_ROOT_ABSENT: {
    message: 'the keys of the root are not here',
    hint: 'Use the home in which the mesh was made.',
  },
  ENROLLMENT_ROOT_APPROVALS: {
    message: 'two operators must approve a change of the root',
    hint: 'Each does so with: gapmesh ca approve',
  },
  ENROLLMENT_ROOT_LIMIT: { message: 'the root has been changed as often as one CA can' },
  ENROLLMENT_ISSUING_ANSWER: {
    message: 'the file is not the answer of this mesh to the request of this CA',
    hint: 'Compare the root fingerprint, and sign the request of this home.',
    action: 'reject',
  },
  ENROLLMENT_AUDIT_BROKEN: {
    message: 'the audit is not the chain that the CA wrote',
    hint: 'Somebody changed it, or the disk did: compare with the last export.',
  },
  ENROLLMENT_TIME_FLOOR_DAMAGED: {
    message: 'what the node knew of the time is damaged',
    hint: 'Check the disk; the node learns the time anew from the next certificate or revocation list.',
  },
  ENROLLMENT_CRL_TOO_LARGE: {
    message: 'the revocation list is larger than its cap, or has too many entries',
    action: 'reject',
  },
  ENROLLMENT_CRL_MALFORMED: {
    message: 'the revocation list is malformed or outside the profile',
    hint: 'Is the file a revocation list, and whole? Export it again: gapmesh crl export',
    action: 'reject',
  },
  ENROLLMENT_CRL_EXTENSION: {
    message: 'an extension of the revocation list is unknown and critical, missing, or critical against its rule',
    action: 'reject',
  },
  ENROLLMENT_CRL_NUMBER: {
    message: 'the number of the revocation list is beyond 20 bytes, or not above the base of its delta',
    action: 'reject',
  },
  ENROLLMENT_CRL_NEXT_UPDATE: {
    message: 'the revocation list does not say when the next one comes, or says a time before its own',
    action: 'reject',
  },
  ENROLLMENT_CRL_REASON: { message: 'a reason of the revocation list is not one of its kind', action: 'reject' },
  ENROLLMENT_CRL_ORDER: {
    message: 'the entries of the revocation list are not in ascending order of serial number, each once',
    action: 'reject',
  },
  ENROLLMENT_CRL_ISSUER: {
    message: 'the revocation list is not of this CA, or the CA may not sign revocation lists',
    action: 'ignore',
  },
  ENROLLMENT_CRL_HALF_MISSING: {
    message: 'the revocation list lacks the signature half that the policy asks for',
    action: 'ignore',
  },
  ENROLLMENT_CRL_SIGNATURE: { message: 'a signature of the revocation list is wrong', action: 'reject' },
  ENROLLMENT_CRL_AUTHORITY_UNKNOWN: {
    message: 'the revocation list is of a CA that this node does not know',
    hint: 'Is it of this mesh? gapmesh crl show FILE names its CA, gapmesh crl status those that are known here.',
    action: 'ignore',
  },
  ENROLLMENT_CRL_AUTHORITY_LIMIT: { message: 'revocation lists of too many CAs are being kept', action: 'ignore' },
  ENROLLMENT_CRL_FUTURE: {
    message: 'the revocation list is from the future',
    hint: 'Is the clock of this machine right, and that of the CA?',
    action: 'ignore',
  },
  ENROLLMENT_CRL_ROLLBACK: {
    message: 'the revocation list is older than the one that is applied',
    hint: 'Compare the numbers with: gapmesh crl show FILE, gapmesh crl status',
    action: 'ignore',
  },
  ENROLLMENT_CRL_STEP: {
    message: 'the number of the revocation list is absurdly far above the one that is applied',
    hint: 'Somebody with the keys of the CA may be trying to block all later lists.',
    action: 'ignore',
  },
  ENROLLMENT_CRL_CONFLICT: {
    message: 'the CA has issued two different revocation lists with one number',
    hint: 'Was the CA restored from a backup without gapmesh being told so?',
    action: 'ignore',
  },
  ENROLLMENT_CRL_SAME_SECOND: {
    message: 'the revocation list has a higher number than the one that is applied, but not a later time',
    hint: 'Was the clock of the CA set back?',
    action: 'ignore',
  },
  ENROLLMENT_CRL_TOO_EARLY: {
    message: 'the delta waits for a list that comes before it, and no more such deltas are held',
    action: 'ignore',
  },
  ENROLLMENT_LISTS_DAMAGED: {
    message: 'the stored revocation lists are damaged',
    hint: 'Check the disk, then import the current list: gapmesh crl import FILE',
  },
  ENROLLMENT_ANSWER_MALFORMED: { message: "the CA's answer is malformed or too large" },
  ENROLLMENT_ANSWER_WRONG: {
    message: "the CA's certificate is not for this node, its keys or this mesh",
    hint: 'Is the clock of this machine right, and that of the CA? Then ask again, with the same token: the CA knows the keys.',
  },
})
