import type { Ended } from './docker-build-events'
import { type LimitsWorld, limitBuild } from './docker-build-limits'
import { asSize } from './docker-words'
import type { Limits } from './engine'

/** What is told of a build's limits: `because` where they end it, and `notes` for whatever its verdict is. */
export interface Bounded {
  because: string | null
  notes: string
}

/**
 * Does the work under the build's limits where they can be put in force, and says it where they cannot.
 * @param work what is built; its signal ends it when too much is written
 */
export async function boundBuild(
  world: LimitsWorld,
  mark: string,
  limits: Limits,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Ended>,
): Promise<{ ended: Ended | null; told: Bounded }> {
  if ('because' in world) {
    const ended = await work(signal)
    const notes = ended.commands.size > 0 ? `; ${notLimited(world.because)}` : ''
    return { ended, told: { because: null, notes } }
  }
  const tooMuch = `the build wrote more than ${asSize(limits.diskBytes)}`
  const cut = new AbortController()
  const bounds = limitBuild(world, mark, limits, () => cut.abort())
  try {
    const ended = await work(AbortSignal.any([signal, cut.signal]))
    const isOver = bounds.seen() > 0 && (await bounds.written()) > limits.diskBytes
    const killed = await bounds.killed()
    const missed = bounds.problem() ?? (bounds.seen() < ended.commands.size ? 'one ended before it was seen' : null)
    const notes = [
      killed > 0
        ? `${killed} of its processes were killed for using more than ${asSize(limits.memoryBytes)} of memory`
        : null,
      missed === null ? null : `not every command of it was limited: ${missed}`,
    ].filter((note) => note !== null)
    return { ended, told: { because: isOver ? tooMuch : null, notes: notes.map((note) => `; ${note}`).join('') } }
  } catch (error) {
    if (!cut.signal.aborted || signal.aborted) throw error
    return { ended: null, told: { because: tooMuch, notes: '' } }
  } finally {
    await bounds.end()
  }
}

export const notLimited = (because: string) =>
  `memory, processes, processors and disk of its commands were not limited: ${because}`
