/** The one of `known` that `word` was most likely meant to be, or undefined when none is near. */
export function suggest(word: string, known: readonly string[]): string | undefined {
  const near = known.map((candidate) => ({ candidate, distance: editDistance(word, candidate) }))
  near.sort((a, b) => a.distance - b.distance)
  const [best] = near
  return best !== undefined && best.distance <= Math.max(2, word.length / 4) ? best.candidate : undefined
}

/** Fewest insertions, deletions and replacements that turn one word into the other (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j += 1) {
      const replaced = (row[j] ?? 0) + (letter === b[j] ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
