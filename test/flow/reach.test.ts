// What is shown of projects to somebody who has a role in one of them: lists, things, streams; and what is told of their attempts.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { RestRoute } from '../../app/_server/rest/route'
import { ROUTES } from '../../app/_server/rest/routes'
import { ask, type Guarded, MARK, NOWHERE, nameOf, pathOf, startGuarded } from '../guarded'
import { makeAsker, type Seeded } from '../two-projects'

let guarded: Guarded
beforeAll(async () => {
  guarded = await startGuarded()
}, 60_000)
afterAll(() => guarded?.close())

describe('what is shown', () => {
  /** What they show is of the whole installation, and names nothing in it. */
  const ABOUT_NO_PROJECT = new Set(['GET /api/v1/trail/checkpoints'])
  const lists = ROUTES.filter(
    (line) => line.lists && !line.path.includes('{seq}') && !ABOUT_NO_PROJECT.has(nameOf(line)),
  )
  /** Lists whose answer names nothing, and how much is in it. */
  const NUMBERS: Record<string, (body: unknown) => number> = {
    'GET /api/v1/approvals/count': (body) => (body as { needsMe: number }).needsMe,
  }
  const read = async (line: RestRoute, name: string) => {
    const headers = guarded.headersOf(name)
    const { text, status } = await ask(guarded, line, { project: 'a', environment: 'test' }, headers, guarded.web)
    expect(status, text).toBe(200)
    return text
  }

  it.each(lists.map((line) => [nameOf(line), line] as const))(
    '%s shows a member their project, and nothing of another',
    async (name, line) => {
      const count = NUMBERS[name]
      if (count) {
        const [everything, mine] = await Promise.all(['ops', 'ops-of-project'].map((who) => read(line, who)))
        expect(count(JSON.parse(mine ?? '')) * 2).toBe(count(JSON.parse(everything ?? '')))
        expect(count(JSON.parse(mine ?? ''))).toBeGreaterThan(0)
        return
      }
      const everything = await read(line, 'ops')
      expect(everything).toContain(MARK.a)
      expect(everything).toContain(MARK.b)
      for (const who of ['ops-of-project', 'ops-of-test', 'token-of-ops-of-test']) {
        const shown = await read(line, who)
        expect(shown, who).toContain(MARK.a)
        expect(shown, who).not.toContain(MARK.b)
      }
    },
  )

  it.each(
    lists.filter((line) => line.query && 'project' in line.query.shape).map((line) => [nameOf(line), line] as const),
  )('%s filtered by a project that a member does not see is empty', async (_, line) => {
    const headers = guarded.headersOf('ops-of-project')
    const answer = await fetch(
      `${guarded.web}${pathOf(line, { project: 'b', environment: 'test' }, guarded.projects)}?project=${guarded.projects.b.project}`,
      { headers },
    )
    const text = await answer.text()
    expect(text).not.toContain(MARK.b)
    expect([200, 404]).toContain(answer.status)
  })

  it.each(ROUTES.filter((line) => line.path.includes('{seq}')).map((line) => [nameOf(line), line] as const))(
    "%s finds the entries of a member's project, and of no other",
    async (_, line) => {
      const headers = guarded.headersOf('viewer-of-test')
      const at = (project: 'a' | 'b', missing?: true) =>
        ask(guarded, line, { project, environment: 'test', ...(missing ? { missing } : {}) }, headers, guarded.web)
      expect([200, 409]).toContain((await at('a')).status)
      const [theirs, none] = [await at('b'), await at('a', true)]
      expect(theirs.status).toBe(404)
      expect(theirs.text.replaceAll(/\d+/g, 'N')).toBe(none.text.replaceAll(/\d+/g, 'N'))
    },
  )

  it.each(ROUTES.filter((line) => line.method === 'GET' && line.where).map((line) => [nameOf(line), line] as const))(
    '%s names nothing of another project',
    async (_, line) => {
      const headers = guarded.headersOf('auditor-of-project')
      const { text, status } = await ask(guarded, line, { project: 'a', environment: 'test' }, headers, guarded.web)
      expect([200, 404, 409], text).toContain(status)
      expect(text).not.toContain(MARK.b)
    },
  )
})

describe('streams', () => {
  /** Hears events until it is stopped, or they end. */
  const hear = async (headers: Record<string, string>) => {
    const answer = await fetch(`${guarded.url}/api/v1/events`, { headers })
    expect(answer.status).toBe(200)
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
    const heard = { text: '', over: false, stop: () => reader?.cancel() }
    void (async () => {
      for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) heard.text += part.value
      heard.over = true
    })()
    await vi.waitFor(() => expect(heard.text).toContain('retry:'))
    return heard
  }
  const ring = (subject: string, id: number) =>
    guarded.record.pool.query(`SELECT pg_notify('shiplock', $1 || ':' || $2::text || ':changed')`, [subject, id])

  it('tell a member of their projects, and of nothing else', async () => {
    const { a, b } = guarded.projects
    const heard = await hear(
      (
        await makeAsker(guarded.record, 'listener', 'member', {
          grant: { projectId: a.project, environment: 'test', role: 'viewer' },
        })
      ).headers,
    )
    const everything = await hear(guarded.askers[0]?.headers ?? {})
    const things = (of: Seeded): [string, number][] => [
      ['run', of.run],
      ['release', of.release],
      ['mergeRequest', of.mergeRequest],
      ['project', of.project],
      ['environment', of.places.test.environment],
      ['promotion', of.places.test.promotion],
      ['approval', of.places.production.approval],
      ['policyChange', of.places.production.policyChange],
    ]
    const event = ([subject, id]: [string, number]) => `{"subject":"${subject}","id":${id},`
    for (const [subject, id] of [...things(b), ...things(a)]) await ring(subject, id)
    await ring('installation', 1)
    await vi.waitFor(() => {
      for (const thing of [...things(a), ...things(b)]) expect(everything.text).toContain(event(thing))
      for (const thing of things(a)) expect(heard.text).toContain(event(thing))
      expect(heard.text).toContain(event(['installation', 1]))
    }, 5_000)
    for (const thing of things(b)) expect(heard.text).not.toContain(event(thing))
    await Promise.all([heard.stop(), everything.stop()])
  })

  it.each([
    [
      'the session ends',
      (id: number) => guarded.record.pool.query('DELETE FROM "Session" WHERE "accountId" = $1', [id]),
    ],
    [
      'the role is taken away',
      (id: number) => guarded.record.pool.query('DELETE FROM "Membership" WHERE "accountId" = $1', [id]),
    ],
    [
      'the account is disabled',
      (id: number) =>
        guarded.record.pool.query('UPDATE "Account" SET "disabledAt" = clock_timestamp() WHERE id = $1', [id]),
    ],
  ])('end when %s', async (what, end) => {
    const grant = { projectId: guarded.projects.a.project, environment: '', role: 'viewer' as const }
    const asker = await makeAsker(guarded.record, `stays until ${what}`, 'member', { grant })
    const heard = await hear(asker.headers)
    let rings = 1_000
    /** What is told of a run of the project, before something that everybody is told. */
    const toldOfRun = async () => {
      const from = heard.text.length
      const mark = ++rings
      await ring('run', guarded.projects.a.run)
      await ring('installation', mark)
      await vi.waitFor(() => expect(heard.text).toContain(`"id":${mark}`), 5_000)
      return heard.text.slice(from).includes('"subject":"run"')
    }
    await vi.waitFor(async () => expect(await toldOfRun()).toBe(true), 5_000)
    await end(asker.accountId)
    if (what === 'the role is taken away') {
      // What is one's own stays: the stream goes on, and tells nothing of the project any more.
      await vi.waitFor(async () => expect(await toldOfRun()).toBe(false), 5_000)
      expect(heard.over).toBe(false)
      await heard.stop()
    } else await vi.waitFor(() => expect(heard.over).toBe(true), 5_000)
  })
})

describe('refused attempts', () => {
  const entries = (accountId: number) =>
    guarded.record.db.auditEntry.findMany({
      where: { kind: 'permit.refuse', subjectId: accountId },
      orderBy: { id: 'asc' },
    })
  const cancel = (run: number, headers: Record<string, string>) =>
    fetch(`${guarded.url}/api/v1/runs/${run}/cancel`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: guarded.url, ...headers },
      body: '{}',
    })

  it('stand in the trail with who, what and why, the same one once a minute', async () => {
    const grant = { projectId: guarded.projects.a.project, environment: '', role: 'viewer' as const }
    const viewer = await makeAsker(guarded.record, 'tries', 'viewer', {
      grant: { ...grant, environment: 'test', role: 'developer' },
    })
    for (let i = 0; i < 5; i++) expect((await cancel(guarded.projects.a.run, viewer.headers)).status).toBe(403)
    expect(await entries(viewer.accountId)).toMatchObject([
      {
        actor: `account:${viewer.accountId}`,
        actorName: 'tries',
        projectId: guarded.projects.a.project,
        because: expect.stringContaining('may not do this'),
        data: {
          action: 'runs.cancel',
          route: 'POST /api/v1/runs/{id}/cancel',
          what: `run #${guarded.projects.a.run}`,
          environment: null,
        },
      },
    ])
    expect((await cancel(guarded.projects.b.run, viewer.headers)).status).toBe(403)
    expect(await entries(viewer.accountId)).toHaveLength(2)
  })

  it('also where somebody tries the ids of a project that they do not see, but not where there is nothing', async () => {
    const grant = { projectId: guarded.projects.a.project, environment: '', role: 'developer' as const }
    const member = await makeAsker(guarded.record, 'tries ids', 'member', { grant })
    expect((await cancel(NOWHERE, member.headers)).status).toBe(404)
    expect(await entries(member.accountId)).toEqual([])
    expect((await cancel(guarded.projects.b.run, member.headers)).status).toBe(404)
    expect(await entries(member.accountId)).toMatchObject([{ projectId: guarded.projects.b.project }])
  })

  it('looking at what is not for them is no attempt to change it', async () => {
    const member = await makeAsker(guarded.record, 'looks', 'member')
    const answer = await fetch(`${guarded.url}/api/v1/runs/${guarded.projects.a.run}`, { headers: member.headers })
    expect(answer.status).toBe(403)
    expect(await entries(member.accountId)).toEqual([])
  })
})
