/**
 * The control socket's protocol: one connection, one request. Every message is one line of JSON ended by LF.
 *
 *     command → agent   {"method": "records.list", "params": {...}}
 *     agent → command   {"result": {...}}
 *                   or  {"item": {...}} ...  {"end": true}        (a stream; either side may close at any time)
 *                   or  {"error": {"code", "message", "hint", "refused"}}
 */
import { GapmeshError, isGapmeshError } from '../../core/index.ts'
import { AGENT_ERRORS } from '../errors.ts'
import { decodeUtf8, isObject } from '../ingest/json-line.ts'
import type { ControlRequest, ControlResponse, WireError } from './messages.ts'

/** One line. */
export function encodeMessage(message: ControlRequest | ControlResponse): string {
  return `${JSON.stringify(message)}\n`
}

/**
 * The request on a line.
 * @throws AGENT_CONTROL_MESSAGE
 */
export function decodeRequest(line: Uint8Array): ControlRequest {
  const message = decodeObject(line)
  if (typeof message.method !== 'string') throw malformed('method')
  return { method: message.method, params: message.params ?? {} }
}

/**
 * The response on a line.
 * @throws AGENT_CONTROL_MESSAGE
 */
export function decodeResponse(line: Uint8Array): ControlResponse {
  const message = decodeObject(line)
  if ('result' in message) return { result: message.result }
  if ('item' in message) return { item: message.item }
  if (message.end === true) return { end: true }
  const { error } = message
  if (!isObject(error) || typeof error.code !== 'string' || typeof error.message !== 'string')
    throw malformed('response')
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(typeof error.hint === 'string' && { hint: error.hint }),
      ...(error.refused === true && { refused: true }),
    },
  }
}

function decodeObject(line: Uint8Array): Readonly<Record<string, unknown>> {
  const value = parse(decodeUtf8(line) ?? '')
  if (!isObject(value)) throw malformed('not a JSON object')
  return value
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function malformed(detail: string): GapmeshError {
  return AGENT_ERRORS.create('AGENT_CONTROL_MESSAGE', { detail })
}

/** A failure without its cause; a programmer's mistake becomes AGENT_CONTROL_INTERNAL. */
export function toWireError(error: unknown): WireError {
  if (!isGapmeshError(error)) return toWireError(AGENT_ERRORS.create('AGENT_CONTROL_INTERNAL'))
  const { code, message, hint } = error
  return { code, message, ...(hint !== undefined && { hint }), ...(isRefusal(error) && { refused: true }) }
}

/** The failure that the agent reported, as if it had happened here. */
export function fromWireError(wire: WireError): GapmeshError {
  return new GapmeshError(wire.code, {
    message: wire.message,
    ...(wire.hint !== undefined && { hint: wire.hint }),
    ...(wire.refused && { action: 'ignore' }),
  })
}

/** True when a verification or policy said no: such errors carry an action, or a code that says so. */
export function isRefusal(error: GapmeshError): boolean {
  return error.action !== undefined || /_(?:REFUSED|UNTRUSTED|POLICY|ROOT_APPROVALS|AUDIT_BROKEN)$/.test(error.code)
}
