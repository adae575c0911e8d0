/**
 * What a .dockerignore leaves out, by Docker's own rules (moby/patternmatcher): the last pattern that matches the path or a
 * directory above it decides; `!` takes back; `*` and `?` stay within one name, `**` does not.
 */
export function ignoredBy(text: string): (path: string) => boolean {
  const rules = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== '!')
    .map((line) => ({ keeps: line.startsWith('!'), matches: pattern(line.replace(/^!\s*/, '')) }))
  return (path) => {
    let ignored = false
    for (const { keeps, matches } of rules) if (keeps === ignored && matches.test(path)) ignored = !keeps
    return ignored
  }
}

/** The path itself or anything below it. A pattern that is no pattern (`[`) matches nothing. */
function pattern(written: string): RegExp {
  const clean = written.replace(/^(?:\.?\/)+/, '').replace(/\/\.?$/, '')
  let regex = ''
  for (let at = 0; at < clean.length; at += 1) {
    const rest = clean.slice(at)
    const set = rest.match(/^\[\^?(?:\\.|[^\]\\])+\]/)?.[0]
    if (rest.startsWith('**/')) {
      regex += '(?:.*/)?'
      at += 2
    } else if (rest.startsWith('**')) {
      regex += '.*'
      at += 1
    } else if (rest[0] === '*') regex += '[^/]*'
    else if (rest[0] === '?') regex += '[^/]'
    else if (set) {
      regex += set
      at += set.length - 1
    } else {
      if (rest[0] === '\\' && rest.length > 1) at += 1
      regex += (clean[at] as string).replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
    }
  }
  try {
    return new RegExp(`^${clean === '.' ? '.*' : regex}(?:/.*)?$`, 's')
  } catch {
    return /(?!)/ // a set like [z-a]: Docker refuses the file; leaving nothing out is the safe reading
  }
}
