const SEVERITY_NAMES = ['none', 'info', 'low', 'medium', 'high', 'critical'] as const

const CONTROLS = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu

/** Text of foreign origin for a terminal: control characters, which could move the cursor or worse, become `?`. */
export function plain(text: string): string {
  return text.replace(CONTROLS, '?')
}

/** A time as `2026-01-01T00:00:00Z`; `-` when there is none. */
export function timeText(ms: number | undefined): string {
  if (ms === undefined) return '-'
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? String(ms) : `${date.toISOString().slice(0, 19)}Z`
}

/** `high` for 4, and so on; `none` for 0. */
export function severityText(severity: number): string {
  return SEVERITY_NAMES[severity] ?? String(severity)
}

/** The first characters of an id, enough to name it in a command. */
export function shortId(id: string): string {
  return id.slice(0, 16)
}

/** Rows under titles, columns as wide as their widest cell; every cell made {@link plain}. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [titles, ...rows].map((row) => row.map(plain))
  const widths = titles.map((_, at) => Math.max(...lines.map((row) => row[at]?.length ?? 0)))
  return lines
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Name and value, one pair a line. */
export function pairs(rows: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${plain(value)}`.trimEnd()).join('\n')
}
