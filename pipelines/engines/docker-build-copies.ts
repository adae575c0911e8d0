import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Usage, usageOf } from './docker-build-spec'
import type { Trace } from './docker-trace'

// COPY, ADD and WORKDIR have no container: BuildKit writes their files itself, each into a new folder of the engine's storage.
// Nothing on the folder says whose it is. What is known: it was made after the instruction began, and its last file was changed
// before the instruction ended.

/** The clock of a file system is coarse: a time that it gives may be this old. */
const COARSE_MS = 20
/** From an instruction's last file to its end, on a busy machine. */
const ENDS_WITHIN_MS = 2_000
const RECORD = /^[0-9a-z]{25}$/

interface Instruction {
  /** Times in ms. */
  started: number
  completed: number | null
}

export interface Folder extends Usage {
  name: string
  made: number
}

/** What the copies of one build write, in the folders that appear while it runs. */
export function watchCopies(overlay: string) {
  const instructions = new Map<string, Instruction>()
  const settled = new Map<string, Folder | null>()
  /** Folders that a container writes to. */
  const others = new Set<string>()
  const made = new Map<string, number>()
  const before = readdir(overlay).then((names) => new Set(names))
  before.catch(() => {}) // `written` awaits it, and rejects as it does

  async function written(): Promise<number> {
    if (instructions.size === 0) return 0
    const open = [...instructions]
      .filter(([digest]) => !settled.has(digest))
      .sort(([, a], [, b]) => a.started - b.started)
    const now = Date.now()
    const folders = open.length === 0 ? [] : await foldersFor(open.map(([, instruction]) => instruction))
    const chosen = assign(
      open.map(([, instruction]) => instruction),
      folders,
    )
    let sum = 0
    for (const [at, [digest, { completed }]] of open.entries()) {
      const folder = chosen[at] ?? null
      // Measured after its end: it does not grow any more.
      if (completed !== null && completed < now) settled.set(digest, folder)
      else sum += folder?.bytes ?? 0
    }
    for (const folder of settled.values()) sum += folder?.bytes ?? 0
    return sum
  }

  async function foldersFor(open: readonly Instruction[]): Promise<Folder[]> {
    const old = await before
    const taken = new Set([...settled.values()].map((folder) => folder?.name))
    const names = (await readdir(overlay)).filter(
      (name) => RECORD.test(name) && !old.has(name) && !others.has(name) && !taken.has(name),
    )
    for (const name of names) {
      if (made.has(name)) continue
      const at = await stat(join(overlay, name)).catch(() => null) // it has just gone
      if (at !== null) made.set(name, at.birthtimeMs)
    }
    const candidates = names.flatMap((name) => {
      const at = made.get(name)
      return at !== undefined && open.some((instruction) => isWithin(at, instruction)) ? [{ name, made: at }] : []
    })
    const usages = await usageOf(candidates.map(({ name }) => join(overlay, name, 'diff')))
    return candidates.map((candidate, at) => ({ ...candidate, ...(usages[at] ?? { bytes: 0, changed: 0 }) }))
  }

  return {
    /** Takes what BuildKit tells of its progress. */
    see({ vertexes }: Trace) {
      for (const { name, digest, cached, started, completed } of vertexes)
        if (started !== null && !cached && /^\[[^\]]*\] (COPY|ADD|WORKDIR) /i.test(name))
          instructions.set(digest, { started: started * 1000, completed: completed === null ? null : completed * 1000 })
    },
    /** The folder is a container's, of any build. */
    isOfContainer: (record: string) => void others.add(record),
    written,
    /** What was found to be its own, the newest last. */
    records: () =>
      [...settled.values()].flatMap((folder) => (folder === null ? [] : [folder])).sort((a, b) => a.made - b.made),
  }
}

/**
 * The folder of each instruction, in their order. Where another build copies at the same time and more than one may be it, the
 * smallest is taken: no build is blamed for what another wrote.
 */
export function assign(instructions: readonly Instruction[], folders: readonly Folder[]): (Folder | null)[] {
  const left = new Set([...folders].sort((a, b) => a.bytes - b.bytes))
  return instructions.map((instruction) => {
    const possible = [...left].filter((folder) => isPossible(folder, instruction))
    const likely = possible.filter(({ changed }) => changed >= (instruction.completed ?? 0) - ENDS_WITHIN_MS)
    const chosen = likely[0] ?? possible[0] ?? null
    if (chosen !== null) left.delete(chosen)
    return chosen
  })
}

const isWithin = (made: number, { started, completed }: Instruction) =>
  made >= started - COARSE_MS && (completed === null || made <= completed)

const isPossible = ({ made, changed }: Folder, instruction: Instruction) =>
  isWithin(made, instruction) && (instruction.completed === null || changed <= instruction.completed)
