import { asWorker, type Context } from '../pipelines/context'
import { Fault } from '../pipelines/fault'
import type { Plan } from '../pipelines/planned'
import { ring, type Tx, tell, transaction } from '../prisma/record'
import { releaseTag } from './release'

interface Built {
  id: number
  projectId: number
  service: string
  commit: string
  branch: string
  tree: string
  plan: Plan
  digest: string
  image: string
}

/**
 * Freezes what a succeeded run built: a release, keyed by the git tree and by how it was built. The same tree built the
 * same way is the same release, whichever run comes first.
 */
export async function cutRelease(context: Context, runId: number): Promise<void> {
  const cut = await transaction(context.record, async (tx) => {
    const { rows } = await tx.query<Built>(
      `SELECT r.id, r."projectId", r.service, r."commit", r.branch, r.tree, r.plan, s.digest, s.definition->>'image' AS image
       FROM "Run" r JOIN "Stage" s ON s."runId" = r.id AND s.name = 'build' AND s.digest IS NOT NULL
       WHERE r.id = $1 AND r.status = 'succeeded' AND r."releaseId" IS NULL FOR UPDATE OF r`,
      [runId],
    )
    const built = rows[0]
    if (built === undefined) return null
    const release = (await known(tx, built)) ?? (await freeze(tx, built, context))
    await tx.query('UPDATE "Run" SET "releaseId" = $2 WHERE id = $1', [runId, release.id])
    await ring(tx, `onward:${runId}:due`)
    return { ...release, built }
  })
  if (cut === null) return
  try {
    await context.engine.tag(cut.built.digest, `${cut.built.service}:${cut.tag}`)
  } catch (error) {
    // The tag is a label for people; the digest is what is promoted.
    if (!(error instanceof Fault)) throw error
  }
}

async function known(tx: Tx, built: Built) {
  const { rows } = await tx.query<{ id: number; tag: string }>(
    'SELECT id, tag FROM "Release" WHERE "projectId" = $1 AND tree = $2 AND "buildKey" = $3',
    [built.projectId, built.tree, built.plan.buildKey],
  )
  return rows[0] ?? null
}

async function freeze(tx: Tx, built: Built, context: Context) {
  const { version } = built.plan.service
  const at = (await tx.query<{ now: Date }>('SELECT clock_timestamp() AS now')).rows[0]?.now ?? new Date()
  for (let ordinal = 1; ordinal <= 100; ordinal++) {
    const tag = releaseTag(version, at, ordinal)
    const { rows } = await tx.query<{ id: number }>(
      `INSERT INTO "Release" ("projectId", service, tree, "buildKey", digest, image, version, tag, "commit", branch, plan)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb) ON CONFLICT DO NOTHING RETURNING id`,
      [
        built.projectId,
        built.service,
        built.tree,
        built.plan.buildKey,
        built.digest,
        built.image,
        version,
        tag,
        built.commit,
        built.branch,
        JSON.stringify({ deploy: built.plan.service.deploy, config: built.plan.service.config }),
      ],
    )
    const release = rows[0]
    if (release === undefined) continue
    await tell(tx, {
      kind: 'release.cut',
      subject: 'release',
      subjectId: release.id,
      by: asWorker(context),
      projectId: built.projectId,
      runId: built.id,
      data: { digest: built.digest, tree: built.tree, tag },
    })
    return { id: release.id, tag }
  }
  throw new Fault('conflict', `over a hundred releases of version ${version} within one minute`)
}
