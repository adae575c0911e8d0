// What a Dockerfile may not ask of the builder: a file of the engine's own network, or an image that Shiplock has not looked at.
// Each with its line, the reason, and what to write instead. Pure.

import { type Dockerfile, flagsOf, type Instruction, plainWords, unquoted } from './dockerfile'
import { sourcesOf } from './dockerfile-bases'

export interface DockerfileProblem {
  /** From one. */
  line: number
  because: string
}

/** The first thing that is not allowed, or null. */
export function dockerfileProblem(file: Dockerfile): DockerfileProblem | null {
  for (const instruction of file.instructions) {
    const because = unreadable(instruction, file) ?? asksTooMuch(instruction, file.mark)
    if (because) return { line: instruction.from + 1, because }
  }
  return null
}

/** What two builders read in two ways: one may see an instruction where the other sees none. */
function unreadable({ from, to, text }: Instruction, { lines, mark }: Dockerfile): string | null {
  if (lines.slice(from, to).some((line) => line.includes('\r')))
    return 'a carriage return stands within the line: take it out'
  const twice = lines.slice(from, to - 1).some((line) => line.replace(/[ \t]+$/, '').endsWith(mark + mark))
  if (twice || text.replace(/[ \t]+$/, '').endsWith(mark))
    return `a line ends in two escape marks (${mark}${mark}), which builders read in two ways: write it in another way`
  return null
}

/** Of one instruction; that of an ONBUILD is for another build, and just as little allowed there. */
export function asksTooMuch({ name, rest }: Pick<Instruction, 'name' | 'rest'>, mark: string): string | null {
  if (name === 'ONBUILD') {
    const [, inner = '', words = ''] = /^(\S+)\s*([\s\S]*)$/.exec(rest) ?? []
    const because =
      inner.toUpperCase() === 'ONBUILD' ? null : asksTooMuch({ name: inner.toUpperCase(), rest: words }, mark)
    if (because !== null || inner.toUpperCase() !== 'ADD') return because
    return addSources(words, mark).some(({ text }) => isOpen(text, mark))
      ? 'ONBUILD ADD of a source that is known only later: write ONBUILD COPY'
      : null
  }
  if (name === 'ADD') {
    const remote = addSources(rest, mark).find(({ text }) => isRemote(unquoted(text, mark)))
    return remote === undefined
      ? null
      : `ADD of ${remote.text.slice(0, 120)} would be fetched by the engine itself, from the network of its own host: fetch it in a RUN (curl, wget, git), which sees what a stage sees, or commit the file`
  }
  if (name !== 'COPY' && name !== 'RUN') return null
  const open = sourcesOf(name, rest, mark).find((from) => from.includes('$'))
  if (open !== undefined)
    return `${name === 'COPY' ? 'COPY --from' : 'RUN --mount=from'}=${open.slice(0, 120)}: no variable stands for an image here. Name a stage: \`FROM ${open.slice(0, 120)} AS other\`, and take from that`
  for (const { text } of flagsOf(rest, mark).flags) {
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
export function addSources(rest: string, mark: string): Source[] {
  const words = rest.slice(flagsOf(rest, mark).words)
  const list = jsonList(words) ?? plainWords(words)
  return list.slice(0, -1).map((text) => ({ text }))
}

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
export const isOpen = (source: string, mark: string): boolean => /[$"']/.test(source) || source.includes(mark)
