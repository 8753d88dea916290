/**
 * What a running node uses of enrolment: the time by its CAs' signatures, its revocation lists on disk, its secrets. Apart
 * from the rest, so that a node does not load a CA; revocation lists themselves are in `enrollment/crl/`, the names of keys
 * in `enrollment/keys/`.
 */
export { ENROLLMENT_ERRORS } from '../errors.ts'
export { DEFAULT_GRACE_COUNT, DEFAULT_GRACE_MS } from '../limits.ts'
export { SerialQueue } from '../serial-queue.ts'
export { ensureSecret } from '../store/keys.ts'
export { type ListStore, openListStore } from '../store/list-store.ts'
export { type ClockStanding, decodeTimeFloor, encodeTimeFloor, type TimeFloor, TrustedClock } from '../trusted-time.ts'
