/**
 * What to do with a message from a peer that failed: `reject` what every node would refuse in any state,
 * `ignore` what another node might rightly accept.
 */
export type RefusalAction = 'ignore' | 'reject'

/** One entry of a room's error catalogue. */
export interface ErrorSpec {
  /** One line that says what failed. */
  message: string
  /** One line that says what to do about it, for a person at a terminal. */
  hint?: string
  /** For input from a peer: how the peer's message is treated. */
  action?: RefusalAction
}

export interface ErrorDetails {
  /** Facts for logs and tests. Never secrets, never raw peer input. */
  metadata?: Readonly<Record<string, unknown>>
  /** The failure underneath. Never shown to a remote peer. */
  cause?: unknown
  /** Added to the catalogue's message after a colon. */
  detail?: string
}

/** Base of every error gapmesh raises for a foreseeable failure; a programmer's mistake is a `TypeError`. */
export class GapmeshError extends Error {
  override readonly name = 'GapmeshError'
  readonly code: string
  readonly hint: string | undefined
  readonly action: RefusalAction | undefined
  readonly metadata: Readonly<Record<string, unknown>>

  constructor(code: string, spec: ErrorSpec, details: ErrorDetails = {}) {
    const message = details.detail === undefined ? spec.message : `${spec.message}: ${details.detail}`
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.hint = spec.hint
    this.action = spec.action
    this.metadata = details.metadata ?? {}
  }
}

/** A room's errors: codes to specs, and one way to make each. */
export interface ErrorCatalogue<Code extends string> {
  readonly room: string
  readonly specs: Readonly<Record<Code, ErrorSpec>>
  /** Makes (does not throw) the error with `code`. */
  create(code: Code, details?: ErrorDetails): GapmeshError
  /** True when `error` was made from this catalogue, optionally with exactly `code`. */
  matches(error: unknown, code?: Code): error is GapmeshError
}

/** Defines a room's catalogue. Codes start with the room's name in upper case; `docs/errors.md` lists them all. */
export function defineErrors<Code extends string>(room: string, specs: Record<Code, ErrorSpec>): ErrorCatalogue<Code> {
  return {
    room,
    specs,
    create: (code, details) => new GapmeshError(code, specs[code], details),
    matches: (error, code): error is GapmeshError =>
      error instanceof GapmeshError && Object.hasOwn(specs, error.code) && (code === undefined || error.code === code),
  }
}

/** True when `error` is a {@link GapmeshError}, optionally with exactly `code`. */
export function isGapmeshError(error: unknown, code?: string): error is GapmeshError {
  return error instanceof GapmeshError && (code === undefined || error.code === code)
}

/** Errors of the core room. */
export const CORE_ERRORS = defineErrors('core', {
  CORE_CBOR_TOO_LARGE: { message: 'the CBOR item is larger than its cap', action: 'reject' },
  CORE_CBOR_TOO_DEEP: { message: 'the CBOR item is nested too deeply', action: 'reject' },
  CORE_CBOR_TOO_MANY: { message: 'the CBOR item has too many elements', action: 'reject' },
  CORE_CBOR_MALFORMED: { message: 'the bytes are not one well-formed CBOR item', action: 'reject' },
  CORE_CBOR_TYPE: {
    message: 'the CBOR item has a type that is not used here (float, tag, simple value, indefinite length, map key)',
    action: 'reject',
  },
  CORE_CBOR_NOT_CANONICAL: { message: 'the CBOR item is not in deterministic encoding', action: 'reject' },
  CORE_CBOR_SHAPE: { message: 'the CBOR item does not have the expected shape', action: 'reject' },
  CORE_STORE_OPEN: {
    message: 'the database cannot be opened',
    hint: 'Is another gapmesh process using this home, or its disk full or read-only? A node: gapmesh doctor --home DIR',
  },
  CORE_STORE_NEWER: {
    message: 'the database was written by a newer gapmesh',
    hint: 'Install that version or a later one; this one will not touch the data.',
  },
  CORE_STORE_WRITE: {
    message: 'the database refused a write',
    hint: 'Is the disk full? Free space; the agent reopens the database by itself.',
  },
  CORE_STORE_READ: {
    message: 'the database cannot be read',
    hint: 'Look at the disk, then run: gapmesh doctor --home DIR',
  },
  CORE_STORE_CLOSED: { message: 'the database is closed' },
})
