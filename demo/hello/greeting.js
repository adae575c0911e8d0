const WORD = 'Hello'
const LONGEST_NAME = 40

/** The greeting for a name; nobody in particular is the world. */
export function greet(name = '') {
  const known = name.replace(/\s+/g, ' ').trim()
  const short = known.length > LONGEST_NAME ? `${known.slice(0, LONGEST_NAME - 1)}…` : known
  return `${WORD}, ${short || 'world'}!`
}

/** Text that is safe inside HTML, between tags and inside quotes. */
export function escapeHtml(text) {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
}
