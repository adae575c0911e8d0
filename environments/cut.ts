import { asWorker, type Context } from '../pipelines/context'
import type { Base } from '../pipelines/engines/engine'
import { Fault } from '../pipelines/fault'
import { keyOf } from '../pipelines/how-built'
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

/** As it was built: the build has written down what it found for a base that the plan could not name. */
interface Way {
  buildKey: string
  bases: Base[]
}

/**
 * Freezes what a succeeded run built: a release, keyed by the git tree and by how it was built. The same tree built the
 * same way is the same release, whichever run comes first.
 */
export async function cutRelease(context: Context, runId: number): Promise<void> {
  const way = await wayOf(context, runId)
  const bytes = await bytesOf(context, runId)
  const cut = await transaction(context.record, async (tx) => {
    const { rows } = await tx.query<Built>(
      `SELECT r.id, r."projectId", r.service, r."commit", r.branch, r.tree, r.plan, s.digest, s.definition->>'image' AS image
       FROM "Run" r JOIN "Stage" s ON s."runId" = r.id AND s.name = 'build' AND s."promotionId" IS NULL AND s.digest IS NOT NULL
       WHERE r.id = $1 AND r.status = 'succeeded' AND r."releaseId" IS NULL FOR UPDATE OF r`,
      [runId],
    )
    const built = rows[0]
    if (built === undefined) return null
    const release = (await known(tx, context, built, way)) ?? (await freeze(tx, built, { ...way, bytes }, context))
    await tx.query('UPDATE "Run" SET "releaseId" = $2 WHERE id = $1', [runId, release.id])
    await ring(tx, `onward:${runId}:due`)
    return { ...release, built }
  })
  if (cut === null) return
  try {
    await context.engine.tag(cut.digest, `${cut.built.service}:${cut.tag}`)
  } catch (error) {
    // The tag is a label for people; the digest is what is promoted.
    if (!(error instanceof Fault)) throw error
  }
}

/** Of the image just built, as the store tells it; null where it does not. */
async function bytesOf(context: Context, runId: number): Promise<number | null> {
  const { rows } = await context.record.pool.query<{ digest: string }>(
    `SELECT digest FROM "Stage" WHERE "runId" = $1 AND name = 'build' AND "promotionId" IS NULL AND digest IS NOT NULL`,
    [runId],
  )
  return rows[0] === undefined ? null : ((await context.engine.image(rows[0].digest))?.bytes ?? null)
}

async function wayOf(context: Context, runId: number): Promise<Way> {
  const { rows } = await context.record.pool.query<{ dockerfile: unknown; bases: Base[] | null }>(
    `SELECT s.definition->'dockerfile' AS dockerfile, r.plan->'bases' AS bases FROM "Run" r
     JOIN "Stage" s ON s."runId" = r.id AND s.name = 'build' AND s."promotionId" IS NULL WHERE r.id = $1`,
    [runId],
  )
  const bases = rows[0]?.bases ?? []
  return { bases, buildKey: keyOf(rows[0]?.dockerfile ?? null, bases) }
}

/**
 * The release of the same tree, built the same way. Where its image is no longer in the store, what was built now takes
 * its place, and the trail says so: the release would otherwise name a digest that nobody can run.
 */
async function known(tx: Tx, context: Context, built: Built, way: Way) {
  const { rows } = await tx.query<{ id: number; tag: string; digest: string }>(
    'SELECT id, tag, digest FROM "Release" WHERE "projectId" = $1 AND tree = $2 AND "buildKey" = $3 FOR UPDATE',
    [built.projectId, built.tree, way.buildKey],
  )
  const [release] = rows
  if (release === undefined) return null
  if (release.digest === built.digest || (await context.engine.image(release.digest)) !== null) return release
  await tx.query('UPDATE "Release" SET digest = $2, image = $3 WHERE id = $1', [release.id, built.digest, built.image])
  await tell(tx, {
    kind: 'release.rebuild',
    subject: 'release',
    subjectId: release.id,
    by: asWorker(context),
    projectId: built.projectId,
    runId: built.id,
    because: 'its image was no longer in the store',
    data: { before: release.digest, after: built.digest },
  })
  return { ...release, digest: built.digest }
}

async function freeze(tx: Tx, built: Built, way: Way & { bytes: number | null }, context: Context) {
  const { version } = built.plan.service
  const at = (await tx.query<{ now: Date }>('SELECT clock_timestamp() AS now')).rows[0]?.now ?? new Date()
  for (let ordinal = 1; ordinal <= 100; ordinal++) {
    const tag = releaseTag(version, at, ordinal)
    const { rows } = await tx.query<{ id: number }>(
      `INSERT INTO "Release" ("projectId", service, tree, "buildKey", digest, image, version, tag, "commit", branch, plan, bases, bytes)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb, $12::jsonb, $13) ON CONFLICT DO NOTHING RETURNING id`,
      [
        built.projectId,
        built.service,
        built.tree,
        way.buildKey,
        built.digest,
        built.image,
        version,
        tag,
        built.commit,
        built.branch,
        JSON.stringify({ deploy: built.plan.service.deploy, config: built.plan.service.config }),
        JSON.stringify(way.bases),
        way.bytes,
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
    return { id: release.id, tag, digest: built.digest }
  }
  throw new Fault('conflict', `over a hundred releases of version ${version} within one minute`)
}
