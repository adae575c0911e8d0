// Where the thing lies that somebody asks about: one look-up by its key for each kind of thing.
import { ARTIFACT_DAYS } from '../../../pipelines/stage-results'
import type { RecordHandle } from '../../../prisma/client'
import { isId } from '../../paging'
import type { Where } from '../permit'

export interface Subject {
  /** As refusals name it: run #7 */
  what: string
  /** Null: there is no such thing. */
  where: Where | null
}

/** Finds it out. Whoever may not see it gets the same answer as for what is not there. */
export type Place = (record: RecordHandle) => Promise<Subject>

/** As it comes from a path: text of a page's address, or a number that a schema let through. */
type Id = number | string

const idOf = (id: Id) => (typeof id === 'number' ? id : /^\d{1,10}$/.test(id) ? Number(id) : 0)

/** The statement gives "projectId" and environment (a name, or null) of the row whose key is $1. */
async function find(record: RecordHandle, sql: string, key: number | string): Promise<Where | null> {
  const { rows } = await record.pool.query<{ projectId: number; environment: string | null }>(sql, [key])
  return rows[0] ?? null
}

const byId =
  (kind: string, sql: string, told: (id: number) => string = (id) => `${kind} #${id}`) =>
  (given: Id): Place =>
  async (record) => {
    const id = idOf(given)
    return { what: told(id), where: isId(id) ? await find(record, sql, id) : null }
  }

const OF_ENVIRONMENT = 'SELECT "projectId", name AS environment FROM "Environment" WHERE id = '
/** Of a row `x` that belongs to a promotion or to a policy change. */
const ANSWERED = `${OF_ENVIRONMENT}COALESCE(
  (SELECT p."environmentId" FROM "Promotion" p WHERE p.id = x."promotionId"),
  (SELECT c."environmentId" FROM "PolicyChange" c WHERE c.id = x."policyChangeId"))`

export const ofProject = byId('project', 'SELECT id AS "projectId", NULL AS environment FROM "Project" WHERE id = $1')
export const ofEnvironment = byId('environment', `${OF_ENVIRONMENT}$1`)
export const ofRun = byId('run', 'SELECT "projectId", NULL AS environment FROM "Run" WHERE id = $1')
export const ofRelease = byId('release', 'SELECT "projectId", NULL AS environment FROM "Release" WHERE id = $1')
export const ofPromotion = byId('promotion', `${OF_ENVIRONMENT}(SELECT "environmentId" FROM "Promotion" WHERE id = $1)`)
export const ofPolicyChange = byId(
  'policy change',
  `${OF_ENVIRONMENT}(SELECT "environmentId" FROM "PolicyChange" WHERE id = $1)`,
)
export const ofMergeRequest = byId(
  'merge request',
  'SELECT "projectId", NULL AS environment FROM "MergeRequest" WHERE id = $1',
)
export const ofDelivery = byId(
  'delivery',
  'SELECT "projectId", NULL AS environment FROM "Delivery" WHERE id = $1',
  (id) => `delivery ${id}`,
)
export const ofArtifact = byId(
  'artifact',
  `SELECT r."projectId", NULL AS environment FROM "Artifact" a JOIN "Stage" s ON s.id = a."stageId"
   JOIN "Run" r ON r.id = s."runId" WHERE a.id = $1`,
  (id) => `artifact #${id}; files are kept for ${ARTIFACT_DAYS} days`,
)
export const ofApproval = byId(
  'approval',
  `SELECT e.* FROM "Approval" x CROSS JOIN LATERAL (${ANSWERED}) e WHERE x.id = $1`,
)
/** By the SHA-256 of its bytes, in hexadecimal digits. */
export const ofStatement =
  (hash: string): Place =>
  async (record) => ({
    what: `statement ${/^[0-9a-f]{64}$/.test(hash) ? hash.slice(0, 12) : ''}`.trim(),
    where: await find(
      record,
      `SELECT e.* FROM "Statement" x CROSS JOIN LATERAL (${ANSWERED}) e WHERE x.hash = $1`,
      hash,
    ),
  })

/** For the many routes whose path is `…/{id}`. */
export const at =
  (of: (id: number) => Place) =>
  ({ params }: { params: { id: number } }): Place =>
    of(params.id)
