import { randomBytes } from 'node:crypto'
import type { RecordHandle } from '../prisma/client'
import { type Actor, inMs, record, ring, tell, transaction } from '../prisma/record'
import { hookSecrets, seal } from '../prisma/seal'
import { Fault } from './fault'
import { hookContext, PROJECT, tokenContext } from './project'

export const FORGE_KINDS = ['gitlab', 'github'] as const
type ForgeKind = (typeof FORGE_KINDS)[number]

/** GitLab has groups within groups; GitHub has an owner and a repository, and no more. */
const PATHS: Record<ForgeKind, { matches: RegExp; words: string }> = {
  gitlab: { matches: /^[\w.-]+(\/[\w.-]+)+$/, words: 'group/project' },
  github: { matches: /^[\w.-]+\/[\w.-]+$/, words: 'owner/repository' },
}

/** Where a forge is when nobody says; most GitLabs are somebody's own. */
const HOME: Record<ForgeKind, string> = { gitlab: '', github: 'https://github.com' }

export interface ConnectionRequest {
  forge: ForgeKind
  /** http(s) address of the forge; a sub-path is kept. Of GitHub, where its pages are, not its API. */
  forgeUrl?: string | undefined
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
 * open it. Asked for again, the new token takes the old one's place and the checks are made again. Runs in the web process.
 * @throws Fault input.invalid; conflict where it is being checked at this moment
 */
export async function requestConnection(
  handle: RecordHandle,
  keys: string,
  request: ConnectionRequest,
  environments: readonly StartingEnvironment[],
  by: Actor,
): Promise<number> {
  const forgeUrl = forgeAddress(request.forgeUrl ?? HOME[request.forge])
  const form = PATHS[request.forge]
  if (!form.matches.test(request.path)) {
    const given = JSON.stringify(request.path.slice(0, 100))
    throw new Fault('input.invalid', `path: ${given} is not of the form ${form.words}`)
  }
  const known = await handle.db.project.findUnique({
    where: { forgeUrl_path: { forgeUrl, path: request.path } },
    select: { id: true, hook: true, forge: true },
  })
  if (known !== null && known.forge !== request.forge)
    throw new Fault('conflict', `${request.path} on ${forgeUrl} is connected as ${known.forge}`)
  const hook = known?.hook ?? randomBytes(18).toString('base64url')
  const sealed = await sealSecrets(keys, hook, request.token)
  if (known !== null) return replaceToken(handle, known.id, sealed, by)
  return transaction(handle, async (tx) => {
    const { rows } = await tx.query<{ id: number }>(
      `INSERT INTO "Project" (forge, "forgeUrl", path, name, "tokenSealed", hook, "hookSealed", "createdBy") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
       ON CONFLICT ("forgeUrl", path) DO NOTHING RETURNING id`,
      [
        request.forge,
        forgeUrl,
        request.path,
        request.path.split('/').at(-1),
        sealed.token,
        hook,
        sealed.hook,
        by.actor,
      ],
    )
    const id = rows[0]?.id
    if (id === undefined) throw new Fault('conflict', `${request.path} on ${forgeUrl} was connected a moment ago`)
    for (const [position, environment] of environments.entries()) {
      const made = await tx.query<{ id: number }>(
        'INSERT INTO "Environment" ("projectId", name, position, policy) VALUES ($1, $2, $3, $4::jsonb) RETURNING id',
        [id, environment.name, position, JSON.stringify(environment.policy)],
      )
      for (const place of made.rows) await ring(tx, `environment:${place.id}:unagreed`)
    }
    const data = { forgeUrl, path: request.path }
    await tell(tx, { kind: 'project.connect', subject: 'project', subjectId: id, projectId: id, by, data })
    await ring(tx, `project:${id}:connecting`)
    return id
  })
}

async function sealSecrets(keys: string, hook: string, token: string) {
  const secrets = hookSecrets(keys, hook)
  const both = JSON.stringify({ token: secrets.token, signingKey: secrets.signingKey.toString('base64') })
  return { token: await seal(keys, tokenContext(hook), token), hook: await seal(keys, hookContext(hook), both) }
}

async function replaceToken(handle: RecordHandle, id: number, sealed: { token: Buffer; hook: Buffer }, by: Actor) {
  await transaction(handle, async (tx) => {
    await tx.query('UPDATE "Project" SET "tokenSealed" = $2, "hookSealed" = $3 WHERE id = $1', [
      id,
      sealed.token,
      sealed.hook,
    ])
    await tell(tx, {
      kind: 'project.token',
      subject: 'project',
      subjectId: id,
      projectId: id,
      by,
      because: 'a new token was given',
    })
  })
  await recheckProject(handle, id, by)
  return id
}

function forgeAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new Fault('input.invalid', 'forgeUrl: an http or https address is needed, such as https://gitlab.example.com')
  if (url.username !== '' || url.password !== '')
    throw new Fault('input.invalid', 'forgeUrl: leave the user and password out; the access token is its own field')
  if (url.search !== '' || url.hash !== '')
    throw new Fault('input.invalid', 'forgeUrl: leave out everything from "?" or "#" on')
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
    throw rows.length === 0
      ? new Fault('not.found', `there is no project ${id}`)
      : new Fault('conflict', 'it is being checked at this moment')
  })
}
