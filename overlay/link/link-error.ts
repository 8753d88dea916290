import { GapmeshError } from '../../core/index.ts'
import { OVERLAY_ERRORS } from '../errors.ts'

/** Why a connection could not be made, as read from an error that libp2p raised. */
export interface LinkFailure {
  readonly code: string
  /** `peer` when the other side refused, with the code it told. */
  readonly by: 'self' | 'peer'
}

const LABELLED = /^(?<code>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+): (?<rest>.*)$/s
const TOLD = /: (?<code>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)$/

/** Any failure of a handshake as a catalogued error; what is not one is this side's own trouble. */
export function asGapmeshError(error: unknown): GapmeshError {
  return error instanceof GapmeshError ? error : OVERLAY_ERRORS.create('OVERLAY_LINK_UNJUDGED', { cause: error })
}

/**
 * The error an encrypter throws. libp2p keeps nothing but the message of it, so the message begins with the code;
 * {@link linkFailure} finds it again.
 */
export function labelled(error: GapmeshError): Error {
  return Object.assign(new Error(`${error.code}: ${error.message}`, { cause: error }), { code: error.code })
}

/** What a code tells the other side: the refusal itself when it is about the peer's input, and nothing internal. */
export function toldCode(error: GapmeshError): string {
  return error.action === undefined ? 'OVERLAY_LINK_UNJUDGED' : error.code
}

/** Who refused, and with which code. */
export function failureOf(error: GapmeshError): LinkFailure {
  const { code } = error.metadata
  return OVERLAY_ERRORS.matches(error, 'OVERLAY_LINK_REFUSED') && typeof code === 'string'
    ? { code, by: 'peer' }
    : { code: error.code, by: 'self' }
}

/**
 * The link's reason inside an error of `libp2p.dial`, wherever libp2p has put it: undefined when the link did not fail.
 * Of several addresses that failed, the first that failed in the link counts.
 */
export function linkFailure(error: unknown): LinkFailure | undefined {
  if (error instanceof GapmeshError) return failureOf(error)
  if (error instanceof AggregateError) {
    return error.errors.map(linkFailure).find((failure) => failure !== undefined)
  }
  if (!(error instanceof Error)) return undefined
  const groups = LABELLED.exec(error.message)?.groups
  if (groups?.code === undefined) return linkFailure(error.cause)
  const told = groups.code === 'OVERLAY_LINK_REFUSED' ? TOLD.exec(groups.rest ?? '')?.groups?.code : undefined
  return told === undefined ? { code: groups.code, by: 'self' } : { code: told, by: 'peer' }
}
