/** A word longer than this is no misspelling, and comparing it would take long. */
const LONGEST = 40

/** How many letters must be put in, taken out, changed, or swapped with their neighbour to make one word from the other. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, at(before, j - 2) + 1)
      row.push(least)
    }
    before = last
    last = row
  }
  return at(last, b.length)
}

const at = (row: number[], i: number) => row[i] ?? 0

/** The word of `known` that was probably meant, or null where none is near: at most a third of its letters differ. */
export function nearest(word: string, known: readonly string[]): string | null {
  if (word.length > LONGEST) return null
  let best: string | null = null
  let least = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    const d = distance(word.toLowerCase(), candidate.toLowerCase())
    if (d < least && d <= Math.max(1, Math.floor(candidate.length / 3)) && d < candidate.length) {
      least = d
      best = candidate
    }
  }
  return best
}
