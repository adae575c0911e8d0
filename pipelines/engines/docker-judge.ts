import type { DockerApi } from './docker-api'
import { FAILED_MARK, REFUSED_MARK, shortCommand } from './docker-container'
import type { Exit } from './docker-output'
import type { Why } from './docker-supervise'
import { asDuration, asSize } from './docker-words'
import { readContainerFile } from './docker-workspace'
import type { StepOrder, Verdict } from './engine'

interface StateInspect {
  State: { OOMKilled?: boolean; Error?: string }
}

/** A file over the limit: 128 + SIGXFSZ, as the shell reports it. */
const FILE_TOO_BIG = 128 + 25

/** What the end of a container means. Only an exit with 0 that nobody asked for is a success. */
export async function judgeExit(
  api: DockerApi,
  id: string,
  order: StepOrder,
  exit: Exit,
  why: Why | null,
): Promise<Verdict> {
  const verdict = await judged(api, id, order, exit, why)
  if (why !== null) return verdict
  const refused = await readContainerFile(api, id, REFUSED_MARK).catch(() => null) // the verdict stands without it
  return refused === null ? verdict : { ...verdict, because: `${verdict.because}; ${reachedPids(order.limits.pids)}` }
}

async function judged(
  api: DockerApi,
  id: string,
  order: StepOrder,
  { code, error }: Exit,
  why: Why | null,
): Promise<Verdict> {
  const no = (because: string): Verdict => ({ ok: false, because, exitCode: code })
  const { timeMs, diskBytes, memoryBytes } = order.limits
  if (why === 'canceled') return no('canceled')
  if (why === 'late') return no(`ran longer than ${asDuration(timeMs)}`)
  if (why === 'disk') return no(`wrote more than ${asSize(diskBytes)}`)
  const left = await api.find<StateInspect>({ method: 'GET', path: `/containers/${id}/json` })
  if (code === 0 && error === null) return { ok: true, because: 'every command exited with 0', exitCode: 0 }
  if (!left) return no('the container was removed from outside')
  const command = await failedCommand(api, id, order.run)
  const ended = command ? `${shortCommand(command)} exited with ${code}` : `ended with ${code}`
  if (left.State.OOMKilled) return no(`used more than ${asSize(memoryBytes)} of memory: ${ended}`)
  if (code === FILE_TOO_BIG) return no(`wrote more than ${asSize(diskBytes)} into one file: ${ended}`)
  const words = error ?? left.State.Error
  if (words) return no(`${ended}: ${words}`)
  if (code === 127 && !command) return no('ended with 127 before its first command: has the image a /bin/sh?')
  // The script notes a command that failed. No note and a kill: the signal came from outside the step.
  return no(!command && code >= 128 ? `the container was stopped from outside (${ended})` : ended)
}

export const killedForMemory = (what: string, memoryBytes: number): string =>
  `${what} was killed for using more than ${asSize(memoryBytes)} of memory`

export const reachedPids = (pids: number): string => `it reached its limit of ${pids} processes`

/** The command that the script noted. A step can only mislead the wording about itself with it. */
async function failedCommand(api: DockerApi, id: string, run: readonly string[]): Promise<string | null> {
  const mark = await readContainerFile(api, id, FAILED_MARK).catch(() => null) // the verdict stands without the name
  return mark === null ? null : (run[Number(mark.trim()) - 1] ?? null)
}
