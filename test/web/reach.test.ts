// Pages of projects that somebody has no role in: not there, and nothing of them on any list.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { makeAsker } from '../two-projects'
import { openTown, type Town } from './browser'

let town: Town
/** A member of shop/checkout alone: operations in its test environment. */
let cookie: string
let things: Record<'mine' | 'theirs', Record<string, number>>
const MINE = 'shop/checkout'
const THEIRS = 'shop/catalogue-api'

beforeAll(async () => {
  town = await openTown()
  const { db } = town.record
  const newest = async (path: string) => {
    const { id: projectId } = await db.project.findFirstOrThrow({ where: { path } })
    const of = { where: { projectId }, select: { id: true }, orderBy: { id: 'desc' } } as const
    const inPlace = { where: { environment: { projectId } }, select: { id: true }, orderBy: { id: 'desc' } } as const
    return {
      projects: projectId,
      runs: (await db.run.findFirstOrThrow(of)).id,
      releases: (await db.release.findFirstOrThrow(of)).id,
      deliveries: (await db.delivery.findFirstOrThrow(of)).id,
      'merge-requests': (await db.mergeRequest.findFirstOrThrow(of)).id,
      environments: (await db.environment.findFirstOrThrow({ ...of, where: { projectId, name: 'test' } })).id,
      promotions: (await db.promotion.findFirstOrThrow(inPlace)).id,
    }
  }
  things = { mine: await newest(MINE), theirs: await newest(THEIRS) }
  const grant = { projectId: things.mine.projects ?? 0, environment: 'test', role: 'ops' as const }
  const mia = await makeAsker(town.record, 'mia of checkout', 'member', { grant })
  cookie = mia.headers.cookie ?? ''
})
afterAll(() => town?.close())
afterEach(() => expect(town.complaints()).toEqual([]))

const ask = async (path: string, headers: Record<string, string> = { cookie }) => {
  const answer = await fetch(town.url + path, { headers, redirect: 'manual' })
  return { status: answer.status, to: answer.headers.get('location') ?? '', text: await answer.text() }
}
const KINDS = ['projects', 'runs', 'releases', 'deliveries', 'merge-requests', 'environments', 'promotions']

describe('a member of one project', () => {
  it.each(KINDS)('/%s of it has a page; of another project it is not found, like what is not there', async (kind) => {
    const mine = await ask(`/${kind}/${things.mine[kind]}`)
    expect(mine.status).toBe(200)
    const theirs = await ask(`/${kind}/${things.theirs[kind]}`)
    expect(theirs.status).toBe(404)
    expect(theirs.text.includes(THEIRS)).toBe(false)
    expect((await ask(`/${kind}/2000000000`)).status).toBe(404)
  })

  it.each([
    '/',
    '/runs',
    '/releases',
    '/promotions',
    '/merge-requests',
    '/deliveries',
    '/projects',
    '/approvals',
    '/trail',
  ])('sees nothing of another project on %s, also where the address asks for it', async (path) => {
    for (const query of ['', `?project=${things.theirs.projects}`, '?status=all']) {
      const { status, text } = await ask(path + query)
      expect(status, path + query).toBe(200)
      expect(text.includes(THEIRS), path + query).toBe(false)
    }
  })

  it('also where the router asks for the page alone', async () => {
    for (const kind of KINDS) {
      const { text } = await ask(`/${kind}/${things.theirs[kind]}?_rsc=abc`, { cookie, rsc: '1' })
      expect(text.includes(THEIRS), kind).toBe(false)
    }
  })

  it('may go back in their environment, and is refused the page in another', async () => {
    const form = async (id: number | undefined) =>
      (await ask(`/environments/${id}/rollback`)).text.includes('name="release"')
    expect(await form(things.mine.environments)).toBe(true)
    const { projects: projectId = 0 } = things.mine
    const production = await town.record.db.environment.findFirstOrThrow({ where: { projectId, name: 'production' } })
    expect(await form(production.id)).toBe(false)
    expect((await ask(`/environments/${things.theirs.environments}/rollback`)).status).toBe(404)
  })
})

describe('nobody signed in', () => {
  it.each(KINDS)('is led from /%s to the login, whether there is such a thing or not', async (kind) => {
    for (const id of [things.theirs[kind], 2_000_000_000]) {
      const { status, to, text } = await ask(`/${kind}/${id}`, {})
      expect([302, 303, 307]).toContain(status)
      expect(to).toContain(`/login?next=${encodeURIComponent(`/${kind}/${id}`)}`)
      expect(text.includes(THEIRS)).toBe(false)
    }
  })
})
