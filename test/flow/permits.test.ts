// Who may do what, tried from outside: every route × everybody × two projects, against an answer worked out here.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PERMITS } from '../../app/_server/permit'
import type { RestRoute } from '../../app/_server/rest/route'
import { ROUTES } from '../../app/_server/rest/routes'
import {
  ask,
  bodyOf,
  changes,
  type Guarded,
  nameOf,
  open,
  pathOf,
  startGuarded,
  TARGETS,
  type Target,
} from '../guarded'
import type { Asker } from '../two-projects'

let guarded: Guarded
beforeAll(async () => {
  guarded = await startGuarded()
}, 60_000)
afterAll(() => guarded?.close())

/** What should come of it, worked out from the table's rows and the words of the issue, without asking may(). */
function expected(asker: Asker, line: RestRoute, target: Target): 'reached' | 403 | 404 {
  if (line.action === null) return 'reached'
  const permit: { roles: readonly string[]; at: string; scope: string | null } = PERMITS[line.action]
  if (asker.scopes !== null && !asker.scopes.some((scope) => scope === permit.scope)) return 403
  const isMember = asker.role === 'member'
  if (permit.at === 'installation' || permit.at === 'self') return permit.roles.includes(asker.role) ? 'reached' : 403
  /** Roles in project a, in an environment of it or (null) as a whole. */
  const heldInA = (environment: string | null) => {
    if (!asker.grant) return isMember ? [] : [asker.role]
    const counts = asker.grant.environment === '' || asker.grant.environment === environment
    return ['viewer', ...(counts ? [asker.grant.role] : []), ...(isMember ? [] : [asker.role])]
  }
  const heldIn = (project: 'a' | 'b', environment: string | null) =>
    project === 'a' ? heldInA(environment) : isMember ? [] : [asker.role]
  const allowed = (project: 'a' | 'b', environment: string) =>
    heldIn(project, permit.at === 'project' ? null : environment).some((role) => permit.roles.includes(role))
  const somewhere = [...TARGETS, { project: 'b', environment: 'production' } as const]
  if (!somewhere.some((t) => allowed(t.project, t.environment))) return 403
  if (line.lists) return 'reached'
  if (target.missing || (isMember && !(asker.grant && target.project === 'a'))) return 404
  return allowed(target.project, target.environment) ? 'reached' : 403
}

/** Runs at most eight at once. */
async function each<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const lane = async () => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i] as T)
  }
  await Promise.all(Array.from({ length: 8 }, lane))
  return results
}

describe('every route answers everybody as the table says', () => {
  it.each(ROUTES.filter((line) => !open(line)).map((line) => [nameOf(line), line] as const))('%s', async (_, line) => {
    const targets = line.where ? TARGETS : TARGETS.slice(0, 1)
    const cases = guarded.askers.flatMap((asker) => targets.map((target) => ({ asker, target })))
    const told = ({ asker, target }: (typeof cases)[number]) =>
      `${asker.name} at ${target.project}/${target.environment}`
    const got = await each(cases, async (c) => {
      const { status, reached, text } = await ask(guarded, line, c.target, c.asker.headers)
      if (status === 422) throw new Error(`${nameOf(line)}: say in BODIES what it asks for: ${text}`)
      return [told(c), reached ? 'reached' : status]
    })
    const want = cases.map((c) => [told(c), expected(c.asker, line, c.target)])
    expect(Object.fromEntries(got)).toEqual(Object.fromEntries(want))
  })

  it('the cases tell apart: some are reached, some refused, some not found', () => {
    const all = ROUTES.flatMap((line) =>
      guarded.askers.flatMap((asker) => TARGETS.map((target) => expected(asker, line, target))),
    )
    for (const answer of ['reached', 403, 404] as const)
      expect(all.filter((a) => a === answer).length).toBeGreaterThan(200)
  })

  it("what lies in somebody else's project answers word for word as what is not there", async () => {
    const member = guarded.headersOf('owner-of-project')
    for (const line of ROUTES.filter((l) => l.where)) {
      const hidden = { project: 'b', environment: 'test' } as const
      const [theirs, none] = await Promise.all(
        [hidden, { ...hidden, missing: true } as const].map((t) => ask(guarded, line, t, member)),
      )
      const id = (text = '') => text.replaceAll(/#?\d{1,10}\b|statement [0-9a-f]{12}/g, 'N')
      expect(id(theirs?.text), nameOf(line)).toBe(id(none?.text))
      expect(theirs?.status, nameOf(line)).toBe(none?.status)
    }
  })
})

describe('nobody signed in', () => {
  it.each(ROUTES.map((line) => [nameOf(line), line] as const))(
    '%s is answered 401, unless it is open',
    async (_, line) => {
      const [target] = TARGETS
      if (target === undefined) throw new Error('there is no target')
      const { status, reached } = await ask(guarded, line, target, {})
      if (!open(line)) expect({ status, reached }).toEqual({ status: 401, reached: false })
      const nonsense = await ask(guarded, line, target, { authorization: 'Bearer nothing' })
      if (!open(line)) expect(nonsense.status).toBe(401)
    },
  )

  it('another spelling of a path reaches nothing', async () => {
    const target = { project: 'a', environment: 'test' } as const
    const spellings = (path: string) => [
      `${path};.jsp`,
      `${path}/..;/`,
      path.replace('/api/', '//api/'),
      path.replace('/api/v1/', '/api//v1/'),
      path.replace('/v1/', '/%2e/v1/'),
      path.replace('/v1/', '/./v1/').replace('/./', '/%2e%2e/api/'),
      path.replace('/api/', '/API/'),
      `${path}.`,
      `${path}/`,
      `${path}%00`,
    ]
    const tried = ROUTES.filter((line) => !open(line)).flatMap((line) =>
      spellings(pathOf(line, target, guarded.projects)).map((path) => ({ line, path })),
    )
    const got = await each(tried, async ({ line, path }) => {
      const body = changes(line) ? { body: JSON.stringify(bodyOf(line, target, guarded.projects)) } : {}
      const headers: Record<string, string> = changes(line)
        ? { 'content-type': 'application/json', origin: guarded.url }
        : {}
      const answer = await fetch(guarded.url + path, { method: line.method, redirect: 'manual', headers, ...body })
      await answer.arrayBuffer()
      return answer.headers.has('x-reached') || answer.status < 400 ? `${line.method} ${path}` : ''
    })
    expect(got.filter((path) => path !== '')).toEqual([])
  })
})

describe('a change that a browser sends from elsewhere', () => {
  const unsafe = ROUTES.filter(changes)

  it.each(unsafe.map((line) => [nameOf(line), line] as const))('%s', async (_, line) => {
    const admin = guarded.headersOf('admin')
    const cookie = open(line) ? {} : admin
    const target = { project: 'a', environment: 'test' } as const
    const send = async (origin: string | undefined) => {
      const answer = await fetch(guarded.url + pathOf(line, target, guarded.projects), {
        method: line.method,
        headers: { 'content-type': 'application/json', ...cookie, ...(origin === undefined ? {} : { origin }) },
        body: JSON.stringify(bodyOf(line, target, guarded.projects)),
      })
      return { elsewhere: (await answer.text()).includes('another origin'), status: answer.status }
    }
    const elsewhere = [
      'null',
      'https://evil.example',
      `${guarded.url}.evil.example`,
      guarded.url.replace('http:', 'https:'),
      '',
    ]
    for (const origin of elsewhere) expect(await send(origin), origin).toEqual({ elsewhere: true, status: 403 })
    // Without a cookie there is nobody to be made to do something: an open route may be called by a program.
    if (!open(line)) expect(await send(undefined)).toEqual({ elsewhere: true, status: 403 })
    expect((await send(guarded.url)).elsewhere).toBe(false)
  })

  it('a token needs no origin: a browser does not send one along by itself', async () => {
    const token = guarded.headersOf('token-of-ops')
    const answer = await fetch(`${guarded.url}/api/v1/runs/${guarded.projects.a.run}/cancel`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...token },
      body: '{}',
    })
    expect(answer.headers.get('x-reached')).toBe('yes')
  })
})
