// The files in environments/: what a new project starts with.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { StartingEnvironment } from '../pipelines/connect'
import { type EnvironmentPolicy, parseEnvironment, problemInWords } from './environment'

const HERE = fileURLToPath(new URL('.', import.meta.url))

/**
 * Each comes behind the one it names in `after`, else as `position` says; `left` are those that name none of them, or go
 * round in a circle. Pure.
 */
export function inOrder<P extends Pick<EnvironmentPolicy, 'name' | 'position' | 'after'>>(
  policies: readonly P[],
): { ordered: P[]; left: P[] } {
  const ordered: P[] = []
  const left = [...policies].sort((a, b) => a.position - b.position || a.name.localeCompare(b.name))
  for (;;) {
    const at = left.findIndex((p) => p.after === undefined || ordered.some((o) => o.name === p.after))
    if (at < 0) return { ordered, left }
    ordered.push(...left.splice(at, 1))
  }
}

/** What a new project starts with: `environments/*.yaml`. Throws with every problem of every file, one a line. */
export function startingEnvironments(dir = HERE): (StartingEnvironment & { policy: EnvironmentPolicy })[] {
  const files = readdirSync(dir).filter((name) => name.endsWith('.yaml'))
  const parsed = files.map((name) => parseEnvironment(readFileSync(join(dir, name), 'utf8'), `environments/${name}`))
  const problems = parsed.flatMap((p) => (p.ok ? [] : p.problems.map(problemInWords)))
  if (problems.length > 0) throw new Error(problems.join('\n'))
  const { ordered, left } = inOrder(parsed.flatMap((p) => (p.ok ? [p.policy] : [])))
  if (left.length > 0)
    throw new Error(
      `environments: ${left.map((p) => `${p.name} comes after ${p.after}`).join(', ')}; one of these is not there, or they go round in a circle`,
    )
  return ordered.map((policy) => ({ name: policy.name, policy }))
}
