import { isIP } from 'node:net'
import { MAX_RECORD_BYTES } from '../../records/index.ts'
import { MAX_CERTIFICATE_BYTES, MAX_CHAIN_LENGTH } from '../../records/path/index.ts'
import {
  MAX_BUNDLE_LIFETIME_MS,
  MAX_LISTED_BUNDLES,
  MAX_LISTED_RECORDS,
  MAX_NOTE_CHARACTERS,
  MAX_SENT_PAYLOAD_BYTES,
} from '../limits.ts'
import { CA_SHAPES } from './ca-params.ts'
import type { MethodName, StreamName } from './messages.ts'
import {
  base64,
  flawOf,
  isText,
  listOf,
  matching,
  NOTHING,
  oneOf,
  type Rule,
  type Shape,
  TIME,
  text,
  whole,
} from './rules.ts'

// Kind and indicator as the body of an anomaly record takes them.
const KIND = matching(
  /^(?=.{1,32}$)[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/,
  'lower-case words joined by _, at most 32 characters',
)
const INDICATOR = matching(/^[\x20-\x7e]{1,128}$/, '1 to 128 printable ASCII characters')
const ADDRESS: Rule = {
  allows: (value) => isText(value) && value.length <= 64 && isIP(value) !== 0,
  expected: 'an IPv4 or IPv6 address',
}
/** An endpoint id as a person writes it; the codec looks closer. */
const ENDPOINT = matching(/^(?:dtn:\/\/|ipn:)[\x21-\x7e]{1,512}$/, 'an endpoint id: dtn://NODE.MESH/SERVICE or ipn:N.S')
const SERVICE = matching(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'a name of a-z, 0-9, dots, dashes and underscores')
const RECORD_ID = matching(/^[0-9a-f]{4,64}$/, '4 to 64 hexadecimal digits')

const FILTER: Shape = {
  required: {},
  optional: {
    sinceMs: TIME,
    untilMs: TIME,
    origin: text(63),
    kind: text(64),
    minSeverity: whole(1, 5),
    limit: whole(1, MAX_LISTED_RECORDS),
  },
}

const PUBLISH: Shape = {
  required: { indicator: INDICATOR, kind: KIND, severity: whole(1, 5) },
  optional: { score: whole(0, 1000), source: ADDRESS, destination: ADDRESS, note: text(MAX_NOTE_CHARACTERS) },
}

/** What each request takes. */
const SHAPES: Readonly<Record<MethodName | StreamName, Shape>> = {
  status: NOTHING,
  'records.list': FILTER,
  'records.tail': FILTER,
  'records.show': { required: { id: RECORD_ID }, optional: {} },
  'records.publish': PUBLISH,
  'records.inventory': NOTHING,
  'nodes.list': NOTHING,
  'ledger.check': NOTHING,
  'node.rotate': NOTHING,
  'directive.send': {
    required: {
      record: base64(MAX_RECORD_BYTES),
      chain: listOf(base64(MAX_CERTIFICATE_BYTES), MAX_CHAIN_LENGTH),
    },
    optional: {},
  },
  'bundles.send': {
    required: {
      destination: ENDPOINT,
      payload: base64(MAX_SENT_PAYLOAD_BYTES),
      lifetimeMs: whole(1, MAX_BUNDLE_LIFETIME_MS),
    },
    optional: { priority: oneOf('bulk', 'normal', 'urgent', 'control') },
  },
  'bundles.list': { required: {}, optional: { limit: whole(1, MAX_LISTED_BUNDLES) } },
  'bundles.show': { required: { id: RECORD_ID }, optional: {} },
  'bundles.cancel': { required: { id: RECORD_ID }, optional: {} },
  'bundles.release': { required: { id: RECORD_ID }, optional: {} },
  'bundles.received': { required: { service: SERVICE }, optional: { limit: whole(1, MAX_LISTED_BUNDLES) } },
  'time.confirm': { required: {}, optional: { atMs: TIME } },
  ...CA_SHAPES,
}

/** True for the name of a request. */
export function isMethod(method: string): method is MethodName | StreamName {
  return Object.hasOwn(SHAPES, method)
}

/** What is wrong with `params`, in words, or undefined when they are what `method` takes. */
export function badParameter(method: MethodName | StreamName, params: unknown): string | undefined {
  return flawOf(SHAPES[method], params)
}
