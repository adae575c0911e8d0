// REST tells every problem in one sentence, each with its field before it; a form shows each beside its field. Pure.

/**
 * "branches.feature: must end in a slash; tag: must be made or awaited" → by field. A problem of one line of a list is the list's.
 * What names none of `fields` stays with what stands before it, or is given back under ''.
 */
export function problemsByField(message: string, fields: readonly string[]): Map<string, string> {
  const longest = fields.toSorted((a, b) => b.length - a.length)
  const fieldOf = (path: string) =>
    longest.find((field) => path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[`))
  const starts = [...message.matchAll(/(?:^|; )([\w.[\]]+): /g)].flatMap((match) => {
    const field = fieldOf(match[1] ?? '')
    return field === undefined ? [] : [{ field, at: match.index, after: match.index + match[0].length }]
  })
  const found = new Map<string, string>()
  const before = message.slice(0, starts[0]?.at ?? message.length)
  if (before !== '') found.set('', before)
  for (const [i, { field, after }] of starts.entries()) {
    const text = message.slice(after, starts[i + 1]?.at ?? message.length)
    found.set(field, found.has(field) ? `${found.get(field)}; ${text}` : text)
  }
  return found
}
