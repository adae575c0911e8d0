// What must be so on the forge for a project to be carried: looked at in order, each check shown as it passes.
import type { Context } from './context'
import { canRetry, Fault, isFault } from './fault'
import { forgeOf } from './forge-of'
import type { Forge, ForgeProject } from './forges/forge'
import { type FlowSettings, nameOf, namesOf } from './gitflow'
import { makeHook } from './make-hook'
import type { Check } from './project'

/** What the checks learned about the project: columns of its row. */
export interface Passed {
  forgeProjectId?: number
  path?: string
  name?: string
  webUrl?: string
  cloneUrl?: string
  botId?: string
  hookForgeId?: number
  hookSigned?: boolean
}

type Look<T> = () => Promise<{ because: string; value: T; warning?: string }>

/** Runs all checks; those that failed say how to mend it. A Fault that may pass is thrown. */
export async function runChecks(context: Context, id: number, checks: Check[]): Promise<Passed> {
  const { forge, project: known } = await forgeOf(context, id)
  const { flow } = known
  const step = async <T>(name: Check['name'], look: Look<T>, remedy: string): Promise<T | null> => {
    const { check, value } = await lookAt(name, look, remedy)
    checks.push(check)
    await show(context, id, checks)
    return value
  }
  const me = await step('token', () => whoseToken(forge), TOKEN_REMEDY)
  if (me === null) return {}
  const project = await step(
    'project',
    () => find(forge, known.path),
    `Check the path, and that the token's user is a member of ${known.path}.`,
  )
  if (project === null) return {}
  refuseWeakToken(checks, me.username, project)
  await step('branches', () => branches(forge, project, flow), branchesRemedy(project, flow))
  await step('protection', () => protection(forge, project, flow), 'Give the token the right to read branches.')
  const hook = await step(
    'webhook',
    () => webhook(context, id, forge, project),
    'Give the token the role Maintainer: only maintainers may make webhooks. Then check again.',
  )
  return {
    forgeProjectId: project.id,
    path: project.path,
    name: project.name,
    webUrl: project.webUrl,
    cloneUrl: project.cloneUrl,
    botId: String(me.id),
    ...(hook === null ? {} : { hookForgeId: hook.id, hookSigned: hook.signed }),
  }
}

async function lookAt<T>(
  name: Check['name'],
  look: Look<T>,
  remedy: string,
): Promise<{ check: Check; value: T | null }> {
  try {
    const { because, value, warning } = await look()
    const check: Check = { name, ok: true, because }
    return { check: warning === undefined ? check : { ...check, remedy: warning, warning: true }, value }
  } catch (error) {
    if (!isFault(error) || canRetry(error)) throw error
    return { check: { name, ok: false, because: error.message, remedy }, value: null }
  }
}

async function show(context: Context, id: number, checks: readonly Check[]) {
  await context.record.pool.query(`UPDATE "Project" SET checks = $2::jsonb WHERE id = $1`, [id, JSON.stringify(checks)])
  await context.record.pool.query(`SELECT pg_notify('shiplock', 'project:' || $1::text || ':checking')`, [id])
}

const TOKEN_REMEDY =
  'Make a project access token with the scope "api" and the role Maintainer, and connect again with it.'

async function whoseToken(forge: Forge) {
  const who = await forge.whoAmI()
  return { because: `the token is ${who.username}'s`, value: who }
}

async function find(forge: Forge, path: string) {
  const found = await forge.project(path)
  return { because: `found ${found.path} (number ${found.id})`, value: found }
}

/** Known only once the project was found: a token that can read, and cannot do what has to be done. */
function refuseWeakToken(checks: Check[], username: string, project: ForgeProject) {
  const at = checks.findIndex((c) => c.name === 'token')
  if (project.role === 'maintainer' || at < 0) return
  const because = `the token is ${username}'s`
  if (project.role === null) {
    checks[at] = { name: 'token', ok: true, because: `${because}; the forge does not say what it may do there` }
    return
  }
  const role = project.role === 'developer' ? 'developer' : 'less than developer'
  checks[at] = {
    name: 'token',
    ok: false,
    because: `${because}, who is ${role} in ${project.path}: only maintainers may make webhooks`,
    remedy: `Give ${username} the role Maintainer in ${project.path}, or connect again with a token that has it.`,
  }
}

const LONG_LIVED = ['develop', 'master'] as const

/** The long-lived branches as they are called there; null: none of its names is a branch. */
async function longLived(forge: Forge, project: ForgeProject, flow: FlowSettings) {
  const found: { kind: (typeof LONG_LIVED)[number]; name: string | null }[] = []
  for (const kind of LONG_LIVED) {
    let name: string | null = null
    for (const one of namesOf(kind, flow)) if (name === null && (await forge.head(project.id, one)) !== null) name = one
    found.push({ kind, name })
  }
  return found
}

const PURPOSE = { develop: 'which feature branches are merged to', master: 'which is what production runs' }

async function branches(forge: Forge, project: ForgeProject, flow: FlowSettings) {
  const found = await longLived(forge, project, flow)
  const missing = found.filter(({ name }) => name === null)
  if (missing.length > 0)
    throw new Fault(
      'forge.missing',
      missing.map(({ kind }) => `there is no branch ${namesOf(kind, flow).join(' or ')}, ${PURPOSE[kind]}`).join('; '),
    )
  const names = found.map(({ name }) => name).join(' and ')
  return { because: `${names} exist`, value: true }
}

function branchesRemedy(project: ForgeProject, flow: FlowSettings): string {
  const [develop, master] = [nameOf('develop', flow), nameOf('master', flow)]
  const known = project.defaultBranch
  const other = known !== null && !namesOf('master', flow).includes(known) && !namesOf('develop', flow).includes(known)
  const hint = other ? ` Its default branch is ${known}: if that is one of the two, say so in the project's flow.` : ''
  return `Make the branch ${develop} from ${master}: git push origin ${master}:${develop}${hint}`
}

async function protection(forge: Forge, project: ForgeProject, flow: FlowSettings) {
  const [there, { branches: all, isComplete }] = await Promise.all([
    longLived(forge, project, flow),
    forge.branches(project.id),
  ])
  const names = there.flatMap(({ name }) => (name === null ? [] : [name]))
  const listed = names.map((name) => ({ name, branch: all.find((b) => b.name === name) }))
  const open = listed.filter(({ branch }) => branch !== undefined && !branch.protected).map(({ name }) => name)
  const unseen = listed.filter(({ branch }) => branch === undefined).map(({ name }) => name)
  if (open.length > 0)
    return {
      because: `${open.join(' and ')} ${open.length === 1 ? 'is' : 'are'} not protected`,
      value: true,
      warning: `Protect ${open.join(' and ')} on the forge, so that nobody pushes there past a merge request.`,
    }
  if (unseen.length > 0)
    return {
      because: `whether ${unseen.join(' and ')} ${unseen.length === 1 ? 'is' : 'are'} protected could not be seen${isComplete ? '' : ': the project has very many branches'}`,
      value: true,
      warning: 'Look at the protected branches on the forge.',
    }
  return {
    because:
      names.length === 0
        ? 'there is nothing to protect yet'
        : `${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'} protected`,
    value: true,
  }
}

async function webhook(context: Context, id: number, forge: Forge, project: ForgeProject) {
  const hook = await makeHook(context, id, forge, project.id)
  const { alive, because } = await forge.hookState(project.id, hook.id)
  if (!alive) throw new Fault('forge.refused', `made, and the forge does not send to it: ${because}`)
  return {
    because: hook.signed
      ? 'made, read back, and its deliveries are signed'
      : 'made and read back; this forge does not sign, so its secret token counts',
    value: hook,
  }
}
