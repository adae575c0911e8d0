import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type EnvironmentPolicy, parseEnvironment, problemInWords } from '../../environments/environment'
import type { StartingEnvironment } from '../../pipelines/connect'
import type { RecordHandle } from '../../prisma/client'
import { SHIPLOCK, tell, transaction } from '../../prisma/record'
import { ROOT } from './config'

/** Each comes behind the one it names in `after`. Pure. Throws where that names none of them, or goes round in a circle. */
export function inOrder(policies: readonly EnvironmentPolicy[]): EnvironmentPolicy[] {
  const ordered: EnvironmentPolicy[] = []
  const left = [...policies].sort((a, b) => a.position - b.position || a.name.localeCompare(b.name))
  while (left.length > 0) {
    const at = left.findIndex((p) => p.after === undefined || ordered.some((o) => o.name === p.after))
    const [policy] = at < 0 ? [] : left.splice(at, 1)
    if (!policy)
      throw new Error(
        `environments: ${left.map((p) => `${p.name} comes after ${p.after}`).join(', ')}; one of these is not there, or they go round in a circle`,
      )
    ordered.push(policy)
  }
  return ordered
}

/** What a new project starts with: `environments/*.yaml`. Throws with every problem of every file, one a line. */
export function startingEnvironments(dir = path.join(ROOT, 'environments')): StartingEnvironment[] {
  const files = readdirSync(dir).filter((name) => name.endsWith('.yaml'))
  const parsed = files.map((name) =>
    parseEnvironment(readFileSync(path.join(dir, name), 'utf8'), `environments/${name}`),
  )
  const problems = parsed.flatMap((p) => (p.ok ? [] : p.problems.map(problemInWords)))
  if (problems.length > 0) throw new Error(problems.join('\n'))
  return inOrder(parsed.flatMap((p) => (p.ok ? [p.policy] : []))).map((policy) => ({ name: policy.name, policy }))
}

/**
 * Gives projects that were connected before an environment existed what a new one would start with. One that somebody
 * removed has its row, and does not come back.
 */
export async function addMissingEnvironments(record: RecordHandle, environments: readonly StartingEnvironment[]) {
  await transaction(record, async (tx) => {
    for (const [position, { name, policy }] of environments.entries()) {
      const { rows } = await tx.query<{ id: number; projectId: number }>(
        `INSERT INTO "Environment" ("projectId", name, position, policy)
         SELECT j.id, $1, $2, $3::jsonb FROM "Project" j WHERE NOT EXISTS (SELECT 1 FROM "Environment" e WHERE e."projectId" = j.id AND e.name = $1)
         ON CONFLICT ("projectId", name) DO NOTHING RETURNING id, "projectId"`,
        [name, position, JSON.stringify(policy)],
      )
      for (const made of rows)
        await tell(tx, {
          kind: 'environment.add',
          subject: 'environment',
          subjectId: made.id,
          projectId: made.projectId,
          by: SHIPLOCK,
          because: 'this version brings it; the project was connected before',
          data: { name },
        })
    }
  })
}
