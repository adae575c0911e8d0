// Deployments on the forge's own pages: what is on its way, what runs where, and what failed.
import type { RecordHandle } from '../prisma/client'
import type { Context } from './context'
import { canRetry, isFault } from './fault'
import { connectedForge } from './forge-of'
import type { DeploymentState } from './forges/forge'
import { tagsOf, withStandingRef } from './standing-ref'
import { firstLine } from './title'

/** While one worker tells it, no other does; longer than the calls of one telling. */
const CLAIM_MS = 60_000
const MAX_ATTEMPTS = 15
const LAST_WAIT_MS = 300_000

/** The forge knows its stages of development by these; other environments have none. */
const TIERS: Readonly<Record<string, 'testing' | 'staging' | 'production'>> = {
  test: 'testing',
  prerelease: 'staging',
  production: 'production',
}

/**
 * A deployment is a success only once it is verified: people look at the forge's page to see what they may rely on. What was
 * superseded or refused before it began was never a deployment.
 */
const STATES: Readonly<Record<string, DeploymentState>> = {
  deploying: 'running',
  deployed: 'running',
  verifying: 'running',
  verified: 'success',
  failed: 'failed',
  errored: 'failed',
  canceled: 'canceled',
  superseded: 'canceled',
  refused: 'canceled',
}

interface Owed {
  id: number
  projectId: number
  status: string
  because: string
  environment: string
  url: string | null
  commit: string
  branch: string
  releaseId: number
  tag: string
  forgeDeployment: string | null
  forgeState: DeploymentState | null
  forgeAttempts: number
  forgeDueAt: Date
}

/** Tells the forge what became of a promotion. What it cannot be told is tried again, ever more seldom, fifteen times in all. */
export async function tellDeployment(context: Context, promotionId: number): Promise<void> {
  const owed = await claim(context.record, promotionId)
  if (owed === null) return
  const state = stateOf(owed)
  if (state === null || state === owed.forgeState)
    return told(context.record, owed, owed.forgeDeployment, owed.forgeState)
  try {
    const { forge, project } = await connectedForge(context, owed.projectId)
    // What has ended on the forge does not run again: a new attempt is a new deployment there.
    const isNew = owed.forgeDeployment === null || (state === 'running' && owed.forgeState !== 'running')
    const tags = await tagsOf(context.record.pool, owed)
    const { id } = await withStandingRef({ forge, project }, { branch: owed.branch, tags }, (ref) =>
      forge.tellDeployment(project.forgeProjectId, {
        id: isNew ? null : BigInt(owed.forgeDeployment ?? 0),
        environment: owed.environment,
        tier: TIERS[owed.environment] ?? 'other',
        url: owed.url ?? '',
        logUrl: `${context.publicUrl}/promotions/${owed.id}`,
        commit: owed.commit,
        ref,
        state,
        description: firstLine(
          owed.because === '' ? `${owed.tag} ${owed.status}` : `${owed.tag}: ${owed.because}`,
          140,
        ),
      }),
    )
    await told(context.record, owed, String(id), state)
  } catch (error) {
    if (!isFault(error)) throw error
    const again = canRetry(error) && owed.forgeAttempts < MAX_ATTEMPTS
    const waitMs = error.retryAfterMs ?? Math.min(1000 * 2 ** owed.forgeAttempts, LAST_WAIT_MS)
    await context.record.pool.query(
      `UPDATE "Promotion" SET "forgeBecause" = left($3, 1000), "forgeAttempts" = CASE WHEN $4 THEN "forgeAttempts" ELSE 0 END,
         "forgeDueAt" = CASE WHEN status <> $5 THEN clock_timestamp() WHEN $4 THEN clock_timestamp() + $6 * interval '1 millisecond' END
       WHERE id = $1 AND "forgeDueAt" = $2`,
      [owed.id, owed.forgeDueAt, error.message, again, owed.status, waitMs],
    )
  }
}

/** Nothing to tell of what never began. */
function stateOf({ status, forgeDeployment }: Owed): DeploymentState | null {
  const state = STATES[status] ?? null
  return state === 'canceled' && forgeDeployment === null ? null : state
}

/** Being due only when the claim ends is the claim. */
async function claim(record: RecordHandle, id: number): Promise<Owed | null> {
  const { rows } = await record.pool.query<Owed>(
    `UPDATE "Promotion" p SET "forgeAttempts" = p."forgeAttempts" + 1, "forgeDueAt" = clock_timestamp() + $2 * interval '1 millisecond'
     FROM "Environment" e, "Release" l, "Run" r
     WHERE p.id = $1 AND e.id = p."environmentId" AND l.id = p."releaseId" AND r.id = p."runId" AND p."forgeDueAt" <= clock_timestamp()
     RETURNING p.id, e."projectId", p.status, p.because, e.name AS environment, p.url, r."commit", r.branch, l.id AS "releaseId", l.tag,
       p."forgeDeployment", p."forgeState", p."forgeAttempts", p."forgeDueAt"`,
    [id, CLAIM_MS],
  )
  return rows[0] ?? null
}

/** Nothing more is owed, unless it has changed while the forge was being told. */
async function told(record: RecordHandle, owed: Owed, id: string | null, state: DeploymentState | null) {
  await record.pool.query(
    `UPDATE "Promotion" SET "forgeDeployment" = $2, "forgeState" = $3, "forgeBecause" = '', "forgeAttempts" = 0,
       "forgeDueAt" = CASE WHEN status = $4 AND "forgeDueAt" = $5 THEN NULL ELSE clock_timestamp() END WHERE id = $1`,
    [owed.id, id, state, owed.status, owed.forgeDueAt],
  )
}
