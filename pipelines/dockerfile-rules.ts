// What a Dockerfile may not ask of the builder: a file of the engine's own network, or an image that Shiplock has not looked at.
// Each with its line, the reason, and what to write instead. Pure.

import { type Dockerfile, flagsOf, type Instruction, MARK, plainWords, unquoted } from './dockerfile'
import { referencesOf, sourcesOf } from './dockerfile-bases'

/** BuildKit's older parsers take no longer line, and here every instruction becomes one. */
const MOST_LINE = 60_000

export interface DockerfileProblem {
  /** From one. */
  line: number
  because: string
}

/** The first thing that is not allowed, or null. @param platform what the builder builds for */
export function dockerfileProblem(file: Dockerfile, platform: string): DockerfileProblem | null {
  for (const instruction of file.instructions) {
    const because = unreadable(instruction, file) ?? asksTooMuch(instruction)
    if (because) return { line: instruction.from + 1, because }
  }
  const unknown = referencesOf(file, platform).find(({ image, needed }) => needed && image === null)
  if (unknown === undefined) return null
  const { at, kind, written } = unknown
  const asked = { from: 'FROM ', copy: 'COPY --from=', mount: 'RUN --mount=from=' }[kind] + written.slice(0, 120)
  const what = kind === 'from' ? 'once its variables are put in' : 'and no stage above it'
  return {
    line: (file.instructions[at]?.from ?? 0) + 1,
    because: `the build failed: \`${asked}\` is no name of an image ${what}: write the image, or name a stage \`FROM … AS name\``,
  }
}

/** What two builders read in two ways: one may see an instruction where the other sees none. */
function unreadable(instruction: Instruction, { lines }: Dockerfile): string | null {
  const { from, to, text } = instruction
  if (to - from > 1 && text.length > MOST_LINE)
    return `an instruction over several lines has more than ${MOST_LINE} characters: put what it does into a script`
  if (lines.slice(from, to).some((line) => line.includes('\r')))
    return 'a carriage return stands within the line: take it out'
  const twice = lines.slice(from, to - 1).some((line) => line.replace(/[ \t]+$/, '').endsWith(MARK + MARK))
  if (twice || text.replace(/[ \t]+$/, '').endsWith(MARK))
    return `a line ends in two escape marks (${MARK}${MARK}), which builders read in two ways: write it in another way`
  // BuildKit reads flags by bytes: some of those of other letters are white space to it.
  const flags = /^(?:[\t\v\f\r ]*--[^\t\v\f\r ]*)+/.exec(instruction.rest)?.[0] ?? ''
  if (/[^\t-\r -~]/.test(flags)) return 'a flag holds a sign beyond ASCII, which builders read in two ways: take it out'
  return instruction.documents.length > 0 ? badDocument(instruction) : null
}

function badDocument({ documents, closed, rest }: Instruction): string | null {
  const strange = documents.find((name) => !/^[A-Za-z_]\w*$/.test(name))
  if (strange !== undefined)
    return `\`<<${strange.slice(0, 60)}\` begins a document whose name builders read in two ways: use letters, digits and underscores, as in <<EOF`
  if (hasOpenQuote(rest)) return '`<<` stands in a line with an open quote, which builders read in two ways: close it'
  return closed ? null : `the document <<${documents.at(-1)} has no end: write ${documents.at(-1)} alone on a line`
}

function hasOpenQuote(text: string): boolean {
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const sign = text[at] ?? ''
    if (sign === MARK && quote !== "'") at++
    else if (quote) quote = sign === quote ? '' : quote
    else if (sign === '"' || sign === "'") quote = sign
  }
  return quote !== ''
}

/** Of one instruction; that of an ONBUILD is for another build, and just as little allowed there. */
export function asksTooMuch({ name, rest }: Pick<Instruction, 'name' | 'rest'>): string | null {
  if (name === 'ONBUILD') {
    const [, inner = '', words = ''] = /^(\S+)\s*([\s\S]*)$/.exec(rest) ?? []
    const because = inner.toUpperCase() === 'ONBUILD' ? null : asksTooMuch({ name: inner.toUpperCase(), rest: words })
    if (because !== null || inner.toUpperCase() !== 'ADD') return because
    return addSources(words).some(({ text }) => isOpen(text))
      ? 'ONBUILD ADD of a source that is known only later: write ONBUILD COPY'
      : null
  }
  if (name === 'ADD') {
    const remote = addSources(rest).find(({ text }) => isRemote(unquoted(text)))
    return remote === undefined
      ? null
      : `ADD of ${remote.text.slice(0, 120)} would be fetched by the engine itself, from the network of its own host: fetch it in a RUN (curl, wget, git), which sees what a stage sees, or commit the file`
  }
  if (name !== 'COPY' && name !== 'RUN') return null
  const open = sourcesOf(name, rest).find((from) => from.includes('$'))
  if (open !== undefined)
    return `${name === 'COPY' ? 'COPY --from' : 'RUN --mount=from'}=${open.slice(0, 120)}: no variable stands for an image here. Name a stage: \`FROM ${open.slice(0, 120)} AS other\`, and take from that`
  for (const { text } of flagsOf(rest).flags) {
    if (/^--network=host$/i.test(text)) return 'RUN --network=host would be on the network of the engine: leave it out'
    if (/^--security=insecure$/i.test(text)) return 'RUN --security=insecure would be root on the engine: leave it out'
    if (/^--device\b/i.test(text)) return 'RUN --device would reach devices of the engine: leave it out'
  }
  return null
}

interface Source {
  /** As it is written, with its quotes; of the JSON form, the string. */
  text: string
}

/** The sources of an ADD: all its words but the last. */
export function addSources(rest: string): Source[] {
  const words = rest.slice(flagsOf(rest).words)
  const list = jsonList(words) ?? plainWords(words)
  return list.slice(0, -1).map((text) => ({ text }))
}

/** Sources of ADDs that are taken from the commit, whatever their variables become. */
export const openSources = ({ instructions }: Dockerfile): string[] =>
  instructions.flatMap(({ name, rest }) =>
    name === 'ADD'
      ? addSources(rest)
          .map(({ text }) => text)
          .filter(isOpen)
      : [],
  )

/** The exec form, `["a", "b"]`; null: it is none. */
export function jsonList(words: string): string[] | null {
  if (!words.startsWith('[')) return null
  try {
    const list: unknown = JSON.parse(words)
    return Array.isArray(list) && list.every((word) => typeof word === 'string') ? list : null
  } catch {
    return null // then the builder takes it for words, too
  }
}

/** With a scheme, or as git writes an address over ssh. */
const isRemote = (source: string) => /^[a-z][a-z0-9+.-]*:\/\//i.test(source) || /^[^/\s]+@[^/\s]+:/.test(source)

/** Whether what it becomes is known only in the build: variables, quotes, escapes. */
export const isOpen = (source: string): boolean => /[$"']/.test(source) || source.includes(MARK)
