import { inMs, PLUS_ONE, record, transaction } from '../prisma/record'
import { unseal } from '../prisma/seal'
import { asWorker, type Context } from './context'
import { canRetry, Fault, isFault } from './fault'
import { forgeOf } from './forge-of'
import type { Forge, ForgeProject } from './forges/forge'
import { LEASE_MS, lapsedClaim } from './lease'
import { type Check, hookContext, PROJECT } from './project'

const MAX_ATTEMPTS = 10

/** Checks a project on its forge, step by step, each step shown as it passes; makes its webhook and reads it back. */
export async function connectProject(context: Context, id: number): Promise<void> {
  const by = asWorker(context)
  const row = await transaction(context.record, (tx) =>
    record(tx, 'project', PROJECT, {
      id,
      from: 'connecting',
      event: 'claim',
      ifDue: true,
      set: { epoch: PLUS_ONE, attempts: PLUS_ONE, leaseUntil: inMs(LEASE_MS), worker: context.worker },
      by,
    }),
  )
  if (row === null) return
  const { epoch, attempts } = row as unknown as { epoch: number; attempts: number }
  await context.leases.hold('project', id, epoch, async (lost) => {
    const checks: Check[] = []
    try {
      const passed = await runChecks(context, id, checks)
      if (lost.aborted) return
      const failed = checks.find((c) => !c.ok)
      await transaction(context.record, (tx) =>
        record(tx, 'project', PROJECT, {
          id,
          from: 'checking',
          event: failed ? 'fail' : 'pass',
          epoch,
          because: failed ? `${failed.because} ${failed.remedy ?? ''}`.trim() : '',
          set: { leaseUntil: null, checks: { json: checks }, ...passed },
          by,
        }),
      )
    } catch (error) {
      if (lost.aborted) return
      if (!isFault(error)) throw error
      const again = canRetry(error) && attempts < MAX_ATTEMPTS
      await transaction(context.record, (tx) =>
        record(tx, 'project', PROJECT, {
          id,
          from: 'checking',
          event: again ? 'again' : 'fail',
          epoch,
          because: error.message,
          set: {
            leaseUntil: null,
            checks: { json: checks },
            dueAt: inMs(error.retryAfterMs ?? Math.min(1000 * 2 ** attempts, 60_000)),
          },
          by,
        }),
      )
    }
  })
}

interface Passed {
  forgeProjectId?: number
  path?: string
  name?: string
  webUrl?: string
  cloneUrl?: string
  hookForgeId?: number
  hookSigned?: boolean
}

async function runChecks(context: Context, id: number, checks: Check[]): Promise<Passed> {
  const { forge } = await forgeOf(context, id)
  const step = async <T>(
    name: Check['name'],
    look: () => Promise<{ because: string; value: T }>,
    remedy: string,
  ): Promise<T | null> => {
    const check = await look()
      .then(({ because, value }) => ({ ok: true as const, because, value }))
      .catch((error: unknown) => {
        if (!isFault(error) || canRetry(error)) throw error
        return { ok: false as const, because: error.message, value: null }
      })
    checks.push(
      check.ok ? { name, ok: true, because: check.because } : { name, ok: false, because: check.because, remedy },
    )
    await context.record.pool.query(`UPDATE "Project" SET checks = $2::jsonb WHERE id = $1`, [
      id,
      JSON.stringify(checks),
    ])
    await context.record.pool.query(`SELECT pg_notify('shiplock', 'project:' || $1::text || ':checking')`, [id])
    return check.value
  }
  const me = await step(
    'token',
    async () => {
      const who = await forge.whoAmI()
      return { because: `the token is ${who.username}'s`, value: who }
    },
    'Make a project access token with the scope "api" and the role Maintainer, and connect again with it.',
  )
  if (me === null) return {}
  const path = await pathOf(context, id)
  const project = await step(
    'project',
    async () => {
      const found = await forge.project(path)
      return { because: `found ${found.path} (number ${found.id})`, value: found }
    },
    `Check the path, and that the token's user is a member of ${path}.`,
  )
  if (project === null) return {}
  await step(
    'branches',
    () => branches(forge, project),
    'Make the branch develop from master: git push origin master:develop',
  )
  const hook = await step(
    'webhook',
    () => makeHook(context, id, forge, project),
    'Give the token the role Maintainer: only maintainers may make webhooks. Then check again.',
  )
  return {
    forgeProjectId: project.id,
    path: project.path,
    name: project.name,
    webUrl: project.webUrl,
    cloneUrl: project.cloneUrl,
    ...(hook === null ? {} : { hookForgeId: hook.id, hookSigned: hook.signed }),
  }
}

async function pathOf(context: Context, id: number) {
  const project = await context.record.db.project.findUniqueOrThrow({ where: { id }, select: { path: true } })
  return project.path
}

async function branches(forge: Forge, project: ForgeProject) {
  if ((await forge.head(project.id, 'develop')) === null)
    throw new Fault('forge.missing', 'there is no branch develop, which feature branches are merged to')
  return { because: 'develop exists', value: true }
}

async function makeHook(context: Context, id: number, forge: Forge, project: ForgeProject) {
  const row = await context.record.db.project.findUniqueOrThrow({
    where: { id },
    select: { hook: true, hookSealed: true },
  })
  const secrets = JSON.parse(await unseal(context.keys, hookContext(row.hook), row.hookSealed)) as {
    token: string
    signingKey: string
  }
  const hook = await forge.ensureHook(project.id, `${context.publicUrl}/webhooks/${row.hook}`, {
    token: secrets.token,
    signingKey: Buffer.from(secrets.signingKey, 'base64'),
  })
  return {
    because: hook.signed
      ? 'made, read back, and its deliveries are signed'
      : 'made and read back; this forge does not sign, so its secret token counts',
    value: hook,
  }
}

/** Takes a lapsed check away from a worker that gave no sign of life. */
export async function loseProject(context: Context, id: number): Promise<void> {
  await transaction(context.record, async (tx) => {
    const lapsed = await lapsedClaim(tx, 'project', id)
    if (lapsed)
      await record(tx, 'project', PROJECT, {
        id,
        from: 'checking',
        event: 'lose',
        epoch: lapsed.epoch,
        set: { leaseUntil: null },
        by: asWorker(context),
      })
  })
}
