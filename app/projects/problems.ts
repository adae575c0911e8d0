// REST tells every problem in one sentence, each with its field before it; a form shows each beside its field. Pure.

/**
 * "branches.feature: must end in a slash; tag: must be made or awaited" → by field. A problem of a list's line belongs to the list.
 * What names none of `fields` is given back under ''.
 */
export function problemsByField(message: string, fields: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  const starts = fields
    .flatMap((field) =>
      [...message.matchAll(new RegExp(`(?:^|; )${field.replaceAll('.', '\\.')}([[.]\\w+\\]?)?: `, 'g'))].map((m) => ({
        field,
        at: m.index,
        after: m.index + m[0].length,
      })),
    )
    .sort((a, b) => a.at - b.at)
  const before = message.slice(0, starts[0]?.at ?? message.length)
  if (before !== '') found.set('', before)
  for (const [i, { field, after }] of starts.entries()) {
    const text = message.slice(after, starts[i + 1]?.at ?? message.length)
    found.set(field, found.has(field) ? `${found.get(field)}; ${text}` : text)
  }
  return found
}
