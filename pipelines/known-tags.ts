// Version tags as the record knows them. One event or release at a time looks at a project's tags.
import { type Actor, ring, type Tx } from '../prisma/record'
import type { TagStatus } from './tag'

export interface KnownTag {
  id: number
  name: string | null
  commit: string
  status: TagStatus
  runId: number | null
  releaseId: number | null
}

/** The run of the production branch that carries a commit; its release, once it has one. */
export interface TaggedRun {
  id: number
  releaseId: number | null
}

const MOST_ON_A_COMMIT = 50

/** Until the transaction ends nobody else decides about the tags of this project. */
export async function lockTags(tx: Tx, projectId: number): Promise<{ botId: string }> {
  const { rows } = await tx.query<{ botId: string }>('SELECT "botId" FROM "Project" WHERE id = $1 FOR NO KEY UPDATE', [
    projectId,
  ])
  return rows[0] ?? { botId: '' }
}

export async function knownTags(
  tx: Tx,
  projectId: number,
  which: { name: string } | { commit: string },
): Promise<KnownTag[]> {
  const [column, value] = 'name' in which ? ['name', which.name] : ['commit', which.commit]
  const { rows } = await tx.query<KnownTag>(
    `SELECT id, name, "commit", status, "runId", "releaseId" FROM "Tag" WHERE "projectId" = $1 AND "${column}" = $2
     ORDER BY id LIMIT ${MOST_ON_A_COMMIT} FOR UPDATE`,
    [projectId, value],
  )
  return rows
}

export async function productionRun(tx: Tx, projectId: number, commit: string): Promise<TaggedRun | null> {
  const { rows } = await tx.query<TaggedRun>(
    `SELECT id, "releaseId" FROM "Run" WHERE "projectId" = $1 AND "commit" = $2 AND "branchKind" = 'master'
       AND status NOT IN ('refused', 'superseded') ORDER BY id DESC LIMIT 1`,
    [projectId, commit],
  )
  return rows[0] ?? null
}

/** A row for a tag that had none, with its entry in the trail. Null: the project has one of that name. */
export async function insertTag(
  tx: Tx,
  tag: {
    projectId: number
    name: string | null
    commit: string
    status: 'owed' | 'awaited' | 'taken' | 'stray'
    because: string
    run: TaggedRun | null
    by: Actor
  },
): Promise<number | null> {
  const { rows } = await tx.query<{ id: number }>(
    `INSERT INTO "Tag" ("projectId", name, "commit", status, because, "runId", "releaseId", by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT ("projectId", name) DO NOTHING RETURNING id`,
    [
      tag.projectId,
      tag.name,
      tag.commit,
      tag.status,
      tag.because,
      tag.run?.id ?? null,
      tag.run?.releaseId ?? null,
      tag.status === 'taken' || tag.status === 'stray' ? tag.by.actorName : '',
    ],
  )
  const id = rows[0]?.id
  if (id === undefined) return null
  await tx.query(
    `SELECT audit_append('tag.' || $1::text, $2, $3, $4::int, 'tag', $5::int, $6::int, NULL, $1, $7, jsonb_build_object('name', $8::text, 'commit', $9::text))`,
    [
      tag.status,
      tag.by.actor,
      tag.by.actorName,
      tag.projectId,
      id,
      tag.run?.id ?? null,
      tag.because,
      tag.name,
      tag.commit,
    ],
  )
  await ring(tx, `tag:${id}:${tag.status}`)
  return id
}
