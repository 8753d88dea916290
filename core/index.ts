/**
 * What every room stands on: time, randomness, logs, errors, deterministic CBOR, bytes, limits, option checks.
 * Holds no state and knows nothing of gapmesh's formats. The database is in `core/store/`.
 */
export { type BackoffOptions, backoffMs } from './backoff.ts'
export { compareBytes, concatBytes, equalBytes, fromHex, toHex, uintBytes, uintFromBytes, utf8 } from './bytes.ts'
export { type CborMap, type CborValue, encodeCbor } from './cbor.ts'
export { type CborLimits, decodeCbor } from './cbor-decode.ts'
export { type CborFlaw, CborReader } from './cbor-reader.ts'
export { CborWriter } from './cbor-writer.ts'
export { type Clock, SimulatedClock, sleep, systemClock, type Timer } from './clock.ts'
export {
  CORE_ERRORS,
  defineErrors,
  type ErrorCatalogue,
  type ErrorDetails,
  type ErrorSpec,
  GapmeshError,
  isGapmeshError,
  type RefusalAction,
} from './errors.ts'
export { isDnsLabel } from './labels.ts'
export { Locks } from './locks.ts'
export { createLogger, LOG_LEVELS, type Logger, type LoggerOptions, type LogLevel, silentLogger } from './logger.ts'
export { checkOptionKeys, checkWholeNumber } from './options.ts'
export { type RandomSource, randomBelow, randomFraction, SimulatedRandom, systemRandom } from './random.ts'
export { type Bounds, shape } from './shape.ts'
