// The webhook is what a project hears by: one that is gone, or that the forge has given up, is made again.
import { type Tx, tell, transaction } from '../prisma/record'
import { asWorker, type Context } from './context'
import { canRetry, isFault } from './fault'
import type { ForgeHook } from './forges/forge'
import { makeHook } from './make-hook'
import type { Check } from './project'
import type { Reconciled } from './reconcile-branches'

interface Known {
  hookForgeId: number | null
  checks: Check[]
}

/** Looks whether the forge still sends, mends it where it does not, and says so on the project's page and in the trail. */
export async function mendHook(context: Context, project: Reconciled): Promise<void> {
  const { rows } = await context.record.pool.query<Known>('SELECT "hookForgeId", checks FROM "Project" WHERE id = $1', [
    project.id,
  ])
  const known = rows[0]
  if (known === undefined) return
  const before = known.checks.find((c) => c.name === 'webhook')
  const found = await look(context, project, known)
  if (before !== undefined && before.ok === found.check.ok && !found.mended) return
  await transaction(context.record, (tx) => write(tx, context, project, found))
}

interface Found {
  check: Check
  /** Why it had to be made again; empty: it had not. */
  because: string
  mended: boolean
  hook: ForgeHook | null
}

async function look(context: Context, project: Reconciled, { hookForgeId }: Known): Promise<Found> {
  const { forge, forgeProjectId } = project
  try {
    const state =
      hookForgeId === null
        ? { alive: false, because: 'there was none' }
        : await forge.hookState(forgeProjectId, hookForgeId)
    if (state.alive)
      return {
        check: { name: 'webhook', ok: true, because: 'it is there, and the forge sends to it' },
        because: '',
        mended: false,
        hook: null,
      }
    const hook = await makeHook(context, project.id, forge, forgeProjectId)
    const now = await forge.hookState(forgeProjectId, hook.id)
    const check: Check = now.alive
      ? { name: 'webhook', ok: true, because: `made again: ${state.because}` }
      : { name: 'webhook', ok: false, because: `the forge does not send to it: ${now.because}`, remedy: TEST_IT }
    return { check, because: state.because, mended: now.alive, hook }
  } catch (error) {
    if (!isFault(error) || canRetry(error)) throw error
    const remedy = 'Give the token the role Maintainer: only maintainers may look after webhooks. Then check again.'
    return {
      check: { name: 'webhook', ok: false, because: error.message, remedy },
      because: error.message,
      mended: false,
      hook: null,
    }
  }
}

const TEST_IT =
  "Send it a test from the webhook's page on the forge: one that succeeds switches it on again. Missed pushes are found all the same, later."

async function write(tx: Tx, context: Context, project: Reconciled, { check, because, mended, hook }: Found) {
  const { rows } = await tx.query<{ checks: Check[] }>(
    `SELECT checks FROM "Project" WHERE id = $1 AND status = 'connected' FOR UPDATE`,
    [project.id],
  )
  const checks = rows[0]?.checks
  if (checks === undefined) return // it is being checked anew at this moment
  const others = checks.filter((c) => c.name !== 'webhook')
  await tx.query(
    `UPDATE "Project" SET checks = $2::jsonb, "hookForgeId" = COALESCE($3, "hookForgeId"), "hookSigned" = COALESCE($4, "hookSigned") WHERE id = $1`,
    [project.id, JSON.stringify([...others, check]), hook?.id ?? null, hook?.signed ?? null],
  )
  await tell(tx, {
    kind: mended ? 'project.hook.mended' : check.ok ? 'project.hook.alive' : 'project.hook.dead',
    subject: 'project',
    subjectId: project.id,
    projectId: project.id,
    by: asWorker(context),
    because: mended ? `the webhook was made again: ${because}` : check.because,
  })
}
