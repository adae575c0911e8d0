import type { StartingEnvironment } from '../../pipelines/connect'
import type { RecordHandle } from '../../prisma/client'
import { ring, SHIPLOCK, tell, transaction } from '../../prisma/record'

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
      for (const made of rows) {
        await ring(tx, `environment:${made.id}:unagreed`)
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
    }
  })
}
