import { setTimeout as pause } from 'node:timers/promises'
import type { DockerApi } from './docker-api'
import { knownOf, markMount, removeRecords } from './docker-build-caches'
import type { Ended } from './docker-build-events'
import { type BuildLimits, type LimitsWorld, limitBuild, type Missed } from './docker-build-limits'
import { reachedPids } from './docker-judge'
import type { Trace } from './docker-trace'
import { asSize } from './docker-words'
import type { BuildOrder, Limits } from './engine'

const LETS_GO_MS = 5_000

/** What is told of a build's limits: `because` where they end it, and `notes` for whatever its verdict is. */
export interface Bounded {
  because: string | null
  notes: string
}

export interface ToBound {
  api: DockerApi
  world: LimitsWorld
  mark: string
  order: Pick<BuildOrder, 'label' | 'limits'>
}

/** What is built; its signal ends it when too much is written, and it hands on what BuildKit tells of its progress. */
export type BoundWork = (signal: AbortSignal, see: (trace: Trace) => void) => Promise<Ended>

/** Does the work under the build's limits where they can be put in force, and says it where they cannot. */
export async function boundBuild(
  { api, world, mark, order }: ToBound,
  signal: AbortSignal,
  work: BoundWork,
): Promise<{ ended: Ended | null; told: Bounded }> {
  if ('because' in world) {
    const ended = await work(signal, () => {})
    const notes = ended.commands.size > 0 ? `; ${notLimited(world.because)}` : ''
    return { ended, told: { because: null, notes } }
  }
  const { label, limits } = order
  const tooMuch = wroteTooMuch(limits)
  const cut = new AbortController()
  const marking: Promise<void>[] = []
  // One that cannot be marked is marked by the next build that mounts it.
  const mounts = (record: string) => void marking.push(markMount(api, label, record).catch(() => {}))
  const bounds = limitBuild(world, mark, limits, () => cut.abort(), mounts)
  let isOver = false
  try {
    const ended = await work(AbortSignal.any([signal, cut.signal]), bounds.trace)
    isOver = (await bounds.written()) > limits.diskBytes
    const notes = await notesOf(bounds, ended.commands.size, limits)
    return { ended, told: { because: isOver ? tooMuch : null, notes: notes.map((note) => `; ${note}`).join('') } }
  } catch (error) {
    if (!cut.signal.aborted || signal.aborted) throw error
    isOver = true
    return { ended: null, told: { because: tooMuch, notes: '' } }
  } finally {
    await bounds.end()
    await Promise.all(marking)
    const { caches, layers } = bounds.records()
    // What is not removed here, or in use, the prune finds: its mounts are marked.
    if (isOver) await removeOf(api, label.instance, [...layers, ...caches]).catch(() => {})
  }
}

/** The builder lets go of what it used somewhat later than it says that the build has ended. */
async function removeOf(api: DockerApi, instance: string, records: readonly string[]): Promise<void> {
  let left = records
  for (const started = performance.now(); performance.now() - started < LETS_GO_MS; await pause(200)) {
    await removeRecords(api, instance, left)
    left = await knownOf(api, left)
    if (left.length === 0) return
  }
}

async function notesOf(bounds: BuildLimits, commands: number, limits: Limits): Promise<string[]> {
  const [killed, refused, problem] = [await bounds.killed(), await bounds.refused(), bounds.problem()]
  const notes = [
    killed > 0 ? killedInBuild(killed, limits.memoryBytes) : null,
    refused > 0 ? reachedPids(limits.pids) : null,
    problem === null ? missedInBuild(bounds.missed(commands)) : `not every command of it was limited: ${problem}`,
  ]
  return notes.filter((note) => note !== null)
}

const wroteTooMuch = ({ diskBytes }: Limits) =>
  `the build wrote more than ${asSize(diskBytes)} in all its stages and cache mounts: remove what it does not need before it copies or unpacks more, or build a part of it in an image of its own`

export const killedInBuild = (killed: number, memoryBytes: number): string =>
  `${killed} of its processes ${killed === 1 ? 'was' : 'were'} killed for using more than ${asSize(memoryBytes)} of memory`

/** A command ends with all its processes, so one that was missed had no limits for so long and no longer. */
export function missedInBuild({ count, ms }: Missed): string | null {
  if (count === 0) return null
  const seconds = Math.max(0.1, Math.ceil(ms / 100) / 10)
  return `${count} of its commands ended within ${seconds} s, before ${count === 1 ? 'it was' : 'they were'} limited`
}

export const notLimited = (because: string) =>
  `memory, processes, processors and disk of its commands were not limited: ${because}`
