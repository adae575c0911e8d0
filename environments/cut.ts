import { asWorker, type Context } from '../pipelines/context'
import type { Base } from '../pipelines/engines/engine'
import { mayGoOn } from '../pipelines/explained-run'
import { Fault } from '../pipelines/fault'
import { keyOf } from '../pipelines/how-built'
import { imageName } from '../pipelines/image-name'
import type { Plan } from '../pipelines/planned'
import { RELEASING, type TrustClass, usableBy } from '../pipelines/trust'
import { databaseClock } from '../prisma/clock'
import { ring, type Tx, tell, transaction } from '../prisma/record'
import { releaseTag } from './release'

interface Built {
  id: number
  projectId: number
  service: string
  commit: string
  branch: string
  tree: string
  trust: TrustClass
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
 * Freezes what a succeeded run built: a release, keyed by the git tree, by how it was built and by its trust class. The same
 * tree built the same way is the same release, whichever run comes first, unless a lower class made it. What is built for the
 * stages of a feature is no release.
 */
export async function cutRelease(context: Context, runId: number): Promise<void> {
  const way = await wayOf(context, runId)
  const bytes = await bytesOf(context, runId)
  const cut = await transaction(context.record, async (tx) => {
    const { rows } = await tx.query<Built>(
      `SELECT r.id, r."projectId", r.service, r."commit", r.branch, r.tree, r.trust, r.plan, s.digest, s.definition->>'image' AS image
       FROM "Run" r JOIN "Stage" s ON s."runId" = r.id AND s.name = 'build' AND s."promotionId" IS NULL AND s.digest IS NOT NULL
       WHERE r.id = $1 AND r.status = 'succeeded' AND r."releaseId" IS NULL AND r."goesTo" IS NOT NULL AND r.trust = ANY($2) FOR UPDATE OF r`,
      [runId, RELEASING],
    )
    const built = rows[0]
    if (built === undefined || !(await mayGoOn(tx, runId, asWorker(context)))) return null
    const release = (await known(tx, context, built, way)) ?? (await freeze(tx, built, { ...way, bytes }, context))
    await tx.query('UPDATE "Run" SET "releaseId" = $2 WHERE id = $1', [runId, release.id])
    await ring(tx, `onward:${runId}:due`)
    return { ...release, built }
  })
  if (cut === null) return
  try {
    const { projectId: project, service } = cut.built
    await context.engine.tag(cut.digest, imageName({ instance: context.instance, project, service }, cut.tag))
  } catch (error) {
    // The tag is a label for people; the digest is what is promoted.
    if (!(error instanceof Fault)) throw error
    console.warn(`release ${cut.tag} has no name in the image store: ${error.message}`)
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

interface Known {
  id: number
  tag: string
  digest: string
  trust: TrustClass
}

/**
 * The release of the same tree, built the same way, of the run's own class or else of a higher one. Where its image is no
 * longer in the store, what was built now takes its place, and the trail says so: the release would otherwise name a digest
 * that cannot be run. In a release of a higher class it takes no place.
 */
async function known(tx: Tx, context: Context, built: Built, way: Way): Promise<Omit<Known, 'trust'> | null> {
  const { rows } = await tx.query<Known>(
    `SELECT id, tag, digest, trust FROM "Release" WHERE "projectId" = $1 AND tree = $2 AND "buildKey" = $3 AND trust = ANY($4)
     ORDER BY trust = $5 DESC, id DESC FOR UPDATE`,
    [built.projectId, built.tree, way.buildKey, usableBy(built.trust), built.trust],
  )
  for (const release of rows) {
    if (release.digest === built.digest || (await context.engine.image(release.digest)) !== null) return release
    if (release.trust === built.trust) return replaceImage(tx, context, release, built)
  }
  return null
}

async function replaceImage(tx: Tx, context: Context, release: Known, built: Built) {
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
  const at = await databaseClock(tx)
  for (let ordinal = 1; ordinal <= 100; ordinal++) {
    const tag = releaseTag(version, at, ordinal)
    const { rows } = await tx.query<{ id: number }>(
      `INSERT INTO "Release" ("projectId", service, tree, "buildKey", digest, image, version, tag, "commit", branch, plan, bases, bytes, trust)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb, $12::jsonb, $13, $14) ON CONFLICT DO NOTHING RETURNING id`,
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
        built.trust,
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
      data: { digest: built.digest, tree: built.tree, tag, trust: built.trust },
    })
    return { id: release.id, tag, digest: built.digest }
  }
  throw new Fault('conflict', `over a hundred releases of version ${version} within one minute`)
}
