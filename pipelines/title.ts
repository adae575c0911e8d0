// Text that strangers wrote (commit messages, user names), made fit for a column and a screen.

/** Longest title that is kept, in code points. */
export const MAX_TITLE = 200

/**
 * The first line of a text, at most `max` code points. PostgreSQL refuses NUL and lone surrogates in text, and a terminal
 * obeys control characters: the former become U+FFFD, the latter a space.
 */
export function firstLine(text: string, max = MAX_TITLE): string {
  // A code point is at most two UTF-16 units: cutting first keeps a message of megabytes cheap.
  const line =
    text
      .slice(0, 4096)
      .trimStart()
      .split(/[\r\n\u2028\u2029]/, 1)[0] ?? ''
  const clean = wellFormed(line)
    .replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, ' ')
    .trim()
  const points = Array.from(clean)
  return points.length <= max ? clean : `${points.slice(0, max - 1).join('')}…`
}

/** True where PostgreSQL and git can both hold the text: no NUL, no half of a surrogate pair. */
export const isStorable = (text: string) => !text.includes('\0') && !/\p{Cs}/u.test(text)

const wellFormed = (text: string) => text.replace(/\p{Cs}|\0/gu, '\ufffd')
