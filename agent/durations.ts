const SPANS = [
  [86_400_000, 'days'],
  [3_600_000, 'h'],
  [60_000, 'min'],
] as const

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1000, 's'],
] as const

/** A span as people say it, rounded down: `7 days`, `30 h`, `45 min`, `9 s`; with a minus before it when negative. */
export function spanText(ms: number): string {
  const size = Math.abs(ms)
  const [unitMs, unit] = SPANS.find(([unitMs]) => size >= 2 * unitMs) ?? [1000, 's']
  return `${Math.trunc(ms / unitMs)} ${unit}`
}

/** A duration as options take it, exactly: `7d`, `90s`. */
export function durationText(ms: number): string {
  const [unitMs, unit] = UNITS.find(([unitMs]) => ms % unitMs === 0) ?? [1, 'ms']
  return `${ms / unitMs}${unit}`
}
