// A Dockerfile as it is given to the builder: the names of its images are ones that cannot move, its stages have names that no
// image has, and every instruction stands on one line. So the builder can only take what was checked, however it reads the file.
// The number of lines stays, and with it every line that is told. Pure.
import { createHash } from 'node:crypto'
import { type Dockerfile, flagsOf, type Instruction, MARK, plainWords } from './dockerfile'
import { type Stage, stagesOf } from './dockerfile-bases'
import { addSources, isOpen, jsonList } from './dockerfile-rules'

export interface Pinned {
  text: string
  /** What people know a stage by, for each name that stands for one in the text. */
  stages: Map<string, string>
}

/** What stands in an instruction, and what the builder is given instead. */
type Swap = { written: string; given: string }

/** @param pins the name that stands for an image, for each that the file is to take */
export function pinned(file: Dockerfile, platform: string, pins: ReadonlyMap<string, string>): Pinned {
  const lines = [...file.lines]
  const stages = stagesOf(file, platform)
  const mark = createHash('sha256').update(file.lines.join('\n')).digest('hex').slice(0, 12)
  const given = stages.map((_, i) => (isLinked(i, stages) ? `stage${i}-${mark}` : null))
  for (const [at, instruction] of file.instructions.entries()) {
    const { from, to, end } = instruction
    const i = stages.findLastIndex((stage) => stage.at <= at)
    const stage = stages[i]
    if (stage?.needed === false) {
      lines.fill('', from, end) // the builder would not look at it either
      continue
    }
    const swaps = stage === undefined ? [] : swapsOf(at, stage, pins, given)
    const text = rewritten(instruction, swaps, given[i] ?? null)
    if (text === null && to - from === 1) continue
    lines.fill('', from, to)
    // The last of its lines, for documents follow at once.
    lines[to - 1] = text ?? instruction.text
  }
  const names = given.flatMap((name, i) => (name === null ? [] : [[name, stages[i]?.name ?? `stage-${i}`] as const]))
  return { text: lines.join('\n'), stages: new Map(names) }
}

const isLinked = (i: number, stages: readonly Stage[]) =>
  stages.some(({ needed, links }) => needed && links.some(({ stage }) => stage === i))

function swapsOf(
  at: number,
  { uses, links }: Stage,
  pins: ReadonlyMap<string, string>,
  given: readonly (string | null)[],
): Swap[] {
  const swap = (written: string, name: string | null | undefined) => (name == null ? [] : [{ written, given: name }])
  return [
    ...uses.filter((u) => u.at === at).flatMap((u) => swap(u.written, u.image === null ? null : pins.get(u.image))),
    ...links.filter((l) => l.at === at).flatMap((l) => swap(l.written, given[l.stage])),
  ]
}

/** @param own the name that stands for the stage that it begins. Null: it stays as it is. */
function rewritten({ name, rest, text }: Instruction, swaps: readonly Swap[], own: string | null): string | null {
  if (name === 'ADD') return withPlainSources(rest)
  const { flags, words } = flagsOf(rest)
  if (name === 'FROM') {
    if (swaps.length === 0 && own === null) return null
    const [written = '', ...others] = plainWords(rest.slice(words))
    const [as = 'AS', , ...more] = others
    const named = own === null ? others : [as, own, ...more]
    return [
      'FROM',
      ...flags.map(({ start, end }) => rest.slice(start, end)),
      swaps[0]?.given ?? written,
      ...named,
    ].join(' ')
  }
  if (swaps.length === 0) return null
  let out = rest
  for (const { text: flag, start, end } of flags.toReversed()) {
    const changed = swaps.reduce((now, swap) => withSwap(now, swap), flag)
    if (changed !== flag) out = out.slice(0, start) + escaped(changed) + out.slice(end)
  }
  return `${text.slice(0, text.length - text.trimStart().length)}${name} ${out}`
}

/** A flag is read without its quotes and escapes: what they kept together needs an escape again. */
const escaped = (flag: string) =>
  [...flag].map((sign) => (/[\s"']/.test(sign) || sign === MARK ? MARK + sign : sign)).join('')

const fieldsOf = (flag: string) => flag.slice('--mount='.length).replaceAll('"', '').split(',')
const fromOf = (field: string) => /^\s*from=(.*)$/is.exec(field)?.[1]?.trim()

function withSwap(flag: string, { written, given }: Swap): string {
  if (/^--from=/i.test(flag)) return flag.slice('--from='.length) === written ? `--from=${given}` : flag
  if (!/^--mount=/i.test(flag) || !fieldsOf(flag).some((field) => fromOf(field) === written)) return flag
  return `--mount=${fieldsOf(flag)
    .map((field) => (fromOf(field) === written ? `from=${given}` : field))
    .join(',')}`
}

/**
 * An ADD that fetches nothing, whatever its variables become: a source that starts with `./` is a file of the context. Null:
 * its sources are plain.
 */
function withPlainSources(rest: string): string | null {
  if (!addSources(rest).some(({ text }) => isOpen(text))) return null
  const { words } = flagsOf(rest)
  const flags = rest.slice(0, words)
  const json = jsonList(rest.slice(words))
  const list = json ?? plainWords(rest.slice(words))
  const plain = list.map((word, at) =>
    at < list.length - 1 && !word.startsWith('<<') && isOpen(word) ? `./${word}` : word,
  )
  return `ADD ${flags}${json ? JSON.stringify(plain) : plain.join(' ')}`
}
