import { randomBytes } from 'node:crypto'
import type { RecordHandle } from '../prisma/client'
import { type Actor, inMs, PLUS_ONE, record, ring, tell, transaction } from '../prisma/record'
import { hookSecrets, seal, unseal } from '../prisma/seal'
import { asWorker, type Context } from './context'
import { canRetry, Fault, isFault } from './fault'
import { forgeOf, hookContext, tokenContext } from './forge-of'
import type { Forge, ForgeProject } from './forges/forge'
import { LEASE_MS } from './lease'
import { type Check, PROJECT } from './project'

export interface ConnectionRequest {
  forge: 'gitlab'
  /** http(s) address of the forge; a sub-path is kept. */
  forgeUrl: string
  path: string
  token: string
}

/** An environment that a new project starts with; `policy` is its parsed file. */
export interface StartingEnvironment {
  name: string
  policy: unknown
}

/**
 * Asks for a repository to be connected. The token is sealed before it is stored: only the worker, which does the rest, can
 * open it. Runs in the web process.
 * @throws Fault input.invalid; conflict where the repository is connected already
 */
export async function requestConnection(
  handle: RecordHandle,
  keys: string,
  request: ConnectionRequest,
  environments: readonly StartingEnvironment[],
  by: Actor,
): Promise<number> {
  const forgeUrl = forgeAddress(request.forgeUrl)
  if (!/^[\w.-]+(\/[\w.-]+)+$/.test(request.path)) throw new Fault('input.invalid', `path: ${JSON.stringify(request.path.slice(0, 100))} is not of the form group/project`)
  const hook = randomBytes(18).toString('base64url')
  const secrets = hookSecrets(keys, hook)
  const tokenSealed = await seal(keys, tokenContext(hook), request.token)
  const hookSealed = await seal(keys, hookContext(hook), JSON.stringify({ token: secrets.token, signingKey: secrets.signingKey.toString('base64') }))
  return transaction(handle, async (tx) => {
    const { rows } = await tx.query<{ id: number }>(
      `INSERT INTO "Project" (forge, "forgeUrl", path, name, "tokenSealed", hook, "hookSealed", "createdBy") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
       ON CONFLICT ("forgeUrl", path) DO NOTHING RETURNING id`,
      [request.forge, forgeUrl, request.path, request.path.split('/').at(-1), tokenSealed, hook, hookSealed, by.actor],
    )
    const id = rows[0]?.id
    if (id === undefined) throw new Fault('conflict', `${request.path} on ${forgeUrl} is connected already`)
    for (const [position, environment] of environments.entries()) {
      await tx.query('INSERT INTO "Environment" ("projectId", name, position, policy) VALUES ($1, $2, $3, $4::jsonb)', [id, environment.name, position, JSON.stringify(environment.policy)])
    }
    await tell(tx, { kind: 'project.connect', subject: 'project', subjectId: id, projectId: id, by, data: { forgeUrl, path: request.path } })
    await ring(tx, `project:${id}:connecting`)
    return id
  })
}

function forgeAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol)) throw new Fault('input.invalid', 'forgeUrl: an http or https address is needed, such as https://gitlab.example.com')
  if (url.username !== '' || url.password !== '') throw new Fault('input.invalid', 'forgeUrl: leave the user and password out; the access token is its own field')
  if (url.search !== '' || url.hash !== '') throw new Fault('input.invalid', 'forgeUrl: leave out everything from "?" or "#" on')
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '')
}

/** Has the checks made again, and the webhook mended where it is missing. */
export async function recheckProject(handle: RecordHandle, id: number, by: Actor): Promise<void> {
  await transaction(handle, async (tx) => {
    const set = { attempts: 0, dueAt: inMs(0), checks: { json: [] } }
    const done =
      (await record(tx, 'project', PROJECT, { id, from: 'connected', event: 'recheck', set, by })) ??
      (await record(tx, 'project', PROJECT, { id, from: 'broken', event: 'recheck', set, by }))
    if (done !== null) return
    const { rows } = await tx.query('SELECT 1 FROM "Project" WHERE id = $1', [id])
    throw rows.length === 0 ? new Fault('not.found', `there is no project ${id}`) : new Fault('conflict', 'it is being checked at this moment')
  })
}

const MAX_ATTEMPTS = 10

/** Checks a project on its forge, step by step, each step shown as it passes; makes its webhook and reads it back. */
export async function connectProject(context: Context, id: number): Promise<void> {
  const by = asWorker(context)
  const row = await transaction(context.record, (tx) =>
    record(tx, 'project', PROJECT, { id, from: 'connecting', event: 'claim', set: { epoch: PLUS_ONE, attempts: PLUS_ONE, leaseUntil: inMs(LEASE_MS), worker: context.worker }, by }),
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
          id, from: 'checking', event: failed ? 'fail' : 'pass', epoch, because: failed ? `${failed.because} ${failed.remedy ?? ''}`.trim() : '',
          set: { leaseUntil: null, checks: { json: checks }, ...passed }, by,
        }),
      )
    } catch (error) {
      if (lost.aborted) return
      if (!isFault(error)) throw error
      const again = canRetry(error) && attempts < MAX_ATTEMPTS
      await transaction(context.record, (tx) =>
        record(tx, 'project', PROJECT, {
          id, from: 'checking', event: again ? 'again' : 'fail', epoch, because: error.message,
          set: { leaseUntil: null, checks: { json: checks }, dueAt: inMs(error.retryAfterMs ?? Math.min(1000 * 2 ** attempts, 60_000)) }, by,
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
  const step = async <T>(name: Check['name'], look: () => Promise<{ because: string; value: T }>, remedy: string): Promise<T | null> => {
    const check = await look()
      .then(({ because, value }) => ({ ok: true as const, because, value }))
      .catch((error: unknown) => {
        if (!isFault(error) || canRetry(error)) throw error
        return { ok: false as const, because: error.message, value: null }
      })
    checks.push(check.ok ? { name, ok: true, because: check.because } : { name, ok: false, because: check.because, remedy })
    await context.record.pool.query(`UPDATE "Project" SET checks = $2::jsonb WHERE id = $1`, [id, JSON.stringify(checks)])
    await context.record.pool.query(`SELECT pg_notify('shiplock', 'project:' || $1::text || ':checking')`, [id])
    return check.value
  }
  const me = await step('token', async () => {
    const who = await forge.whoAmI()
    return { because: `the token is ${who.username}'s`, value: who }
  }, 'Make a project access token with the scope "api" and the role Maintainer, and connect again with it.')
  if (me === null) return {}
  const path = await pathOf(context, id)
  const project = await step('project', async () => {
    const found = await forge.project(path)
    return { because: `found ${found.path} (number ${found.id})`, value: found }
  }, `Check the path, and that the token's user is a member of ${path}.`)
  if (project === null) return {}
  await step('branches', () => branches(forge, project), 'Make the branch develop from master: git push origin master:develop')
  const hook = await step('webhook', () => makeHook(context, id, forge, project), 'Give the token the role Maintainer: only maintainers may make webhooks. Then check again.')
  return {
    forgeProjectId: project.id, path: project.path, name: project.name, webUrl: project.webUrl, cloneUrl: project.cloneUrl,
    ...(hook === null ? {} : { hookForgeId: hook.id, hookSigned: hook.signed }),
  }
}

async function pathOf(context: Context, id: number) {
  const project = await context.record.db.project.findUniqueOrThrow({ where: { id }, select: { path: true } })
  return project.path
}

async function branches(forge: Forge, project: ForgeProject) {
  if ((await forge.head(project.id, 'develop')) === null) throw new Fault('forge.missing', 'there is no branch develop, which feature branches are merged to')
  return { because: 'develop exists', value: true }
}

async function makeHook(context: Context, id: number, forge: Forge, project: ForgeProject) {
  const row = await context.record.db.project.findUniqueOrThrow({ where: { id }, select: { hook: true, hookSealed: true } })
  const secrets = JSON.parse(await unseal(context.keys, hookContext(row.hook), row.hookSealed)) as { token: string; signingKey: string }
  const hook = await forge.ensureHook(project.id, `${context.publicUrl}/webhooks/${row.hook}`, { token: secrets.token, signingKey: Buffer.from(secrets.signingKey, 'base64') })
  return { because: hook.signed ? 'made, read back, and its deliveries are signed' : 'made and read back; this forge does not sign, so its secret token counts', value: hook }
}

/** Takes a lapsed check away from a worker that gave no sign of life. */
export async function loseProject(context: Context, id: number): Promise<void> {
  await transaction(context.record, async (tx) => {
    const { rows } = await tx.query<{ epoch: number }>(`SELECT epoch FROM "Project" WHERE id = $1 AND status = 'checking' AND "leaseUntil" < clock_timestamp()`, [id])
    const lapsed = rows[0]
    if (lapsed) await record(tx, 'project', PROJECT, { id, from: 'checking', event: 'lose', epoch: lapsed.epoch, set: { leaseUntil: null }, by: asWorker(context) })
  })
}
