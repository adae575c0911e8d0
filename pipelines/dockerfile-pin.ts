// A Dockerfile as it is given to the builder: the names of its images are ones that cannot move, and every instruction stands on
// one line, so that the builder reads what was checked. The number of lines stays, and with it every line that is told. Pure.

import { type Dockerfile, flagsOf, type Instruction, plainWords } from './dockerfile'
import type { Reference } from './dockerfile-bases'
import { addSources, isOpen, jsonList } from './dockerfile-rules'

/** BuildKit's older parsers take no longer line. */
const MOST_LINE = 60_000

/** @param pins the name that stands for an image, for each that the file is to take by it */
export function pinned(file: Dockerfile, references: readonly Reference[], pins: ReadonlyMap<string, string>): string {
  const lines = [...file.lines]
  for (const [at, instruction] of file.instructions.entries()) {
    const own = references.filter((reference) => reference.at === at)
    const text = rewritten(instruction, own, pins, file.mark)
    const { from, to } = instruction
    if (text === null && to - from === 1) continue
    if (text === null && instruction.text.length > MOST_LINE) continue // it was continued, and stays so
    lines.fill('', from, to)
    // The last of its lines, for documents follow at once.
    lines[to - 1] = text ?? instruction.text
  }
  return lines.join('\n')
}

/** Null: it stays as it is. */
function rewritten(
  { name, rest, text }: Instruction,
  references: readonly Reference[],
  pins: ReadonlyMap<string, string>,
  mark: string,
): string | null {
  if (name === 'ADD') return withPlainSources(rest, mark)
  const pin = (image: string | null) => (image === null ? undefined : pins.get(image))
  if (!references.some(({ image }) => pin(image) !== undefined)) return null
  const { flags, words } = flagsOf(rest, mark)
  if (name === 'FROM') {
    const [, ...others] = plainWords(rest.slice(words))
    return [
      'FROM',
      ...flags.map(({ start, end }) => rest.slice(start, end)),
      pin(references[0]?.image ?? null),
      ...others,
    ].join(' ')
  }
  let out = rest
  for (const { text: flag, start, end } of flags.toReversed()) {
    const asked = references.find(({ image, written }) => pin(image) !== undefined && isFrom(flag, written))
    if (asked)
      out =
        out.slice(0, start) + escaped(replaceFrom(flag, asked.written, pin(asked.image) ?? ''), mark) + out.slice(end)
  }
  return `${text.slice(0, text.length - text.trimStart().length)}${name} ${out}`
}

/** A flag is read without its quotes and escapes: what they kept together needs an escape again. */
const escaped = (flag: string, mark: string) =>
  [...flag].map((sign) => (/[\s"']/.test(sign) || sign === mark ? mark + sign : sign)).join('')

const isFrom = (flag: string, written: string) => {
  if (/^--from=/i.test(flag)) return flag.slice('--from='.length) === written
  return /^--mount=/i.test(flag) && fieldsOf(flag).some((field) => fromOf(field) === written)
}

const fieldsOf = (flag: string) => flag.slice('--mount='.length).replaceAll('"', '').split(',')
const fromOf = (field: string) => /^\s*from=(.*)$/is.exec(field)?.[1]?.trim()

function replaceFrom(flag: string, written: string, pin: string): string {
  if (/^--from=/i.test(flag)) return `--from=${pin}`
  return `--mount=${fieldsOf(flag)
    .map((field) => (fromOf(field) === written ? `from=${pin}` : field))
    .join(',')}`
}

/**
 * An ADD that fetches nothing, whatever its variables become: a source that starts with `./` is a file of the context. Null:
 * its sources are plain.
 */
function withPlainSources(rest: string, mark: string): string | null {
  if (!addSources(rest, mark).some(({ text }) => isOpen(text, mark))) return null
  const { words } = flagsOf(rest, mark)
  const flags = rest.slice(0, words)
  const json = jsonList(rest.slice(words))
  const list = json ?? plainWords(rest.slice(words))
  const plain = list.map((word, at) =>
    at < list.length - 1 && !word.startsWith('<<') && isOpen(word, mark) ? `./${word}` : word,
  )
  return `ADD ${flags}${json ? JSON.stringify(plain) : plain.join(' ')}`
}
