import type { Context } from '../pipelines/context'
import { isFault } from '../pipelines/fault'
import { connectedForge } from '../pipelines/forge-of'
import { commitsMissing } from '../pipelines/git-merge'
import { outageOf } from '../prisma/outage'
import { isDeclaredReturn, type PromotionKind } from './promotion'

const GIT_MS = 60_000

/** What a promotion changes, by git. */
export interface Range {
  /** The commit that runs there; null: nothing does. */
  from: string | null
  to: string
  /** Newest first, at most 5,000. */
  commits: string[]
  more: boolean
}

interface Asked {
  projectId: number
  kind: PromotionKind
  commit: string
  running: string | null
  range: Range | null
}

/**
 * Looks up which commits lie between what runs in a promotion's environment and what comes, and keeps them: who made them may
 * not sign. Nothing where it is known already, nobody has to sign, or it goes back to what was signed before.
 */
export async function lookUpRange(context: Context, promotionId: number): Promise<void> {
  const { rows } = await context.record.pool.query<Asked>(
    `SELECT e."projectId", p.kind, p.range, l."commit",
       (SELECT d."commit" FROM (
          SELECT m."commit", q."deployedAt" FROM "Promotion" q JOIN "Release" m ON m.id = q."releaseId"
          WHERE q."environmentId" = e.id AND q."deployedAt" IS NOT NULL AND q.id <> p.id ORDER BY q.id DESC LIMIT 20) d
        ORDER BY d."deployedAt" DESC LIMIT 1) AS running
     FROM "Promotion" p JOIN "Environment" e ON e.id = p."environmentId" JOIN "Release" l ON l.id = p."releaseId"
     WHERE p.id = $1 AND p.status IN ('waiting', 'queued') AND jsonb_array_length(COALESCE(e.policy->'approvals', '[]')) > 0`,
    [promotionId],
  )
  const asked = rows[0]
  if (asked === undefined || isDeclaredReturn(asked.kind)) return
  if (asked.range !== null && asked.range.from === asked.running && asked.range.to === asked.commit) return
  try {
    const { forge, project } = await connectedForge(context, asked.projectId)
    const found = await commitsMissing({
      dir: `${context.cache}/${asked.projectId}.history`,
      url: project.cloneUrl,
      credentials: forge.gitCredentials(),
      commit: asked.commit,
      into: asked.running,
      deadlineMs: GIT_MS,
      signal: context.stopping,
    })
    const range: Range = { from: asked.running, to: asked.commit, ...found }
    await context.record.pool.query('UPDATE "Promotion" SET range = $2::jsonb WHERE id = $1', [
      promotionId,
      JSON.stringify(range),
    ])
    lookup().back()
  } catch (error) {
    // The gate of the approvals stays closed until it is known, and says so.
    if (!isFault(error)) throw error
    lookup().lost(error)
  }
}

const lookup = () => outageOf('The lookup of commits to be deployed')
