// What the GitLab driver sends about tags, notes and deployments, and how it reads what GitLab says to it.
import { describe, expect, it } from 'vitest'
import { askedFor, faultOf, forge, json, routes, scripted, serveScript } from './scripted-gitlab'

serveScript()

const HERE = 'a'.repeat(40)
const THERE = 'b'.repeat(40)
const tagOn = (commit: string | null) => json(200, { name: 'V1.0', commit: commit && { id: commit } })
const noTag = json(404, { message: '404 Tag Not Found' })
const wanted = { name: 'V1.0', commit: HERE, message: 'Release 1.0' }

describe('a tag', () => {
  it('is the commit that it names; none, where it is not there or names no commit', async () => {
    scripted.answer = tagOn(HERE)
    expect(await forge().tag(7, 'V1.0/näme')).toEqual({ commit: HERE })
    expect(scripted.asked[0]?.path).toBe('/api/v4/projects/7/repository/tags/V1.0%2Fn%C3%A4me')
    scripted.answer = tagOn(null)
    expect(await forge().tag(7, 'V1.0')).toBeNull()
    scripted.answer = noTag
    expect(await forge().tag(7, 'V1.0')).toBeNull()
    scripted.answer = json(404, { message: '404 Project Not Found' })
    expect(await faultOf(forge().tag(7, 'V1.0'))).toMatchObject({ code: 'forge.missing' })
  })

  it('is made annotated', async () => {
    scripted.answer = json(201, { name: 'V1.0' })
    expect(await forge().createTag(7, { ...wanted, message: '' })).toMatchObject({ ok: true })
    expect(await forge().createTag(7, wanted)).toMatchObject({ ok: true })
    expect(scripted.asked.map(({ path, body }) => [path, body])).toEqual([
      [`/api/v4/projects/7/repository/tags?tag_name=V1.0&ref=${HERE}`, { message: 'V1.0' }],
      [`/api/v4/projects/7/repository/tags?tag_name=V1.0&ref=${HERE}`, { message: 'Release 1.0' }],
    ])
  })

  it.each([
    ['on the same commit is there already', tagOn(HERE), true, /already/],
    ['on another commit is not made, and says which', tagOn(THERE), false, new RegExp(THERE)],
    ['that went meanwhile is not made, in the words of the forge', noTag, false, /Tag V1.0 already exists/],
  ])('%s', async (_what, there, ok, because) => {
    scripted.answer = routes({
      'POST /repository/tags': json(400, { message: 'Tag V1.0 already exists' }),
      'GET /repository/tags/V1.0': there,
    })
    expect(await forge().createTag(7, wanted)).toEqual({ ok, because: expect.stringMatching(because) })
  })

  it.each([
    [400, { message: 'Target aaaa is invalid' }, /Target aaaa is invalid/],
    [403, { message: '403 Forbidden' }, /protected tag/],
    [422, { message: 'You are not allowed to create this tag as it is protected.' }, /as it is protected/],
  ])('that GitLab refuses with %i is a no with its reason', async (status, words, because) => {
    scripted.answer = routes({ 'POST /repository/tags': json(status, words), 'GET /repository/tags/V1.0': noTag })
    expect(await forge().createTag(7, wanted)).toEqual({ ok: false, because: expect.stringMatching(because) })
  })

  it('with a token that is no good is a fault, not a no', async () => {
    scripted.answer = json(401, { message: '401 Unauthorized' })
    expect(await faultOf(forge().createTag(7, wanted))).toMatchObject({ code: 'forge.denied' })
    scripted.answer = json(403, { error: 'insufficient_scope', scope: 'api' })
    expect(await faultOf(forge().createTag(7, wanted))).toMatchObject({ message: expect.stringContaining('scope api') })
    scripted.answer = json(502, {})
    expect(await faultOf(forge().createTag(7, wanted))).toMatchObject({ code: 'forge.unreachable' })
    expect(scripted.asked).toHaveLength(3)
  })
})

describe('a note', () => {
  it('is written once, then changed', async () => {
    scripted.answer = routes({
      'POST /merge_requests/3/notes': json(201, { id: 91 }),
      'PUT /merge_requests/3/notes/91': json(200, { id: 91 }),
    })
    const { id } = await forge().writeNote(7, 3, { id: null, body: 'one' })
    expect(id).toBe(91n)
    expect(await forge().writeNote(7, 3, { id, body: 'two' })).toEqual({ id: 91n })
    expect(scripted.asked.map(({ body }) => body)).toEqual([{ body: 'one' }, { body: 'two' }])
  })

  it('that somebody deleted is made anew', async () => {
    scripted.answer = routes({
      'POST /merge_requests/3/notes': json(201, { id: 92 }),
      'PUT /merge_requests/3/notes/91': json(404, { message: '404 Note Not Found' }),
    })
    expect(await forge().writeNote(7, 3, { id: 91n, body: 'two' })).toEqual({ id: 92n })
  })

  it('is not doubled when nobody knows whether it was taken', async () => {
    scripted.answer = json(502, {})
    await faultOf(forge().writeNote(7, 3, { id: null, body: 'one' }))
    await faultOf(forge().writeNote(7, 3, { id: 91n, body: 'one' }))
    expect(askedFor()).toEqual(['POST /merge_requests/3/notes', 'PUT /merge_requests/3/notes/91'])
  })

  it('gives GitLab no orders, whatever it quotes', async () => {
    scripted.answer = json(201, { id: 1 })
    await forge().writeNote(7, 3, { id: null, body: '/merge\nTests\n  /approve now\n> /close\na/b / c\n/' })
    expect(scripted.asked[0]?.body.body).toBe('\u200b/merge\nTests\n  \u200b/approve now\n> \u200b/close\na/b / c\n/')
  })
})

describe('a deployment', () => {
  const told = (change: object = {}) => ({
    id: null,
    environment: 'production',
    tier: 'production' as const,
    url: 'https://hello.test',
    logUrl: 'https://shiplock.test/promotions/1',
    commit: HERE,
    ref: 'master',
    state: 'running' as const,
    description: 'V1.0',
    ...change,
  })
  const newest = (status: string, change: object = {}) => json(200, [{ id: 54, sha: HERE, status, ...change }])
  const made = { 'POST /environments': json(201, { id: 5 }), 'POST /deployments': json(201, { id: 55 }) }

  it('makes its environment, then itself', async () => {
    scripted.answer = routes({ 'GET /deployments': json(200, []), ...made })
    expect(await forge().tellDeployment(7, told())).toEqual({ id: 55n })
    expect(scripted.asked.slice(1).map(({ body }) => body)).toEqual([
      { name: 'production', tier: 'production', external_url: 'https://hello.test' },
      { environment: 'production', sha: HERE, ref: 'master', tag: false, status: 'running' },
    ])
  })

  it('of an environment that is there brings its address up to date', async () => {
    const there = (url: string | null) => json(200, [{ id: 5, name: 'production', external_url: url }])
    const already = json(400, { message: { name: ['has already been taken'] } })
    const table = { ...made, 'GET /deployments': json(200, []), 'POST /environments': already }
    scripted.answer = routes({ ...table, 'GET /environments': there('https://hello.test') })
    await forge().tellDeployment(7, told())
    expect(askedFor()).not.toContain('PUT /environments/5')
    scripted.answer = routes({ ...table, 'GET /environments': there(null), 'PUT /environments/5': json(200, {}) })
    await forge().tellDeployment(7, told())
    expect(scripted.asked.at(-2)).toMatchObject({ method: 'PUT', body: { external_url: 'https://hello.test' } })
    scripted.answer = routes(table)
    expect(await forge().tellDeployment(7, told({ url: '' }))).toEqual({ id: 55n })
  })

  it('is told of even where GitLab does not take the address', async () => {
    const refused = json(400, { message: { external_url: ['is blocked: Only allowed schemes are http, https'] } })
    scripted.answer = routes({
      ...made,
      'GET /deployments': json(200, []),
      'POST /environments': refused,
      'GET /environments': json(200, [{ id: 5, name: 'production', external_url: null }]),
      'PUT /environments/5': refused,
    })
    expect(await forge().tellDeployment(7, told())).toEqual({ id: 55n })
  })

  it('of a tag says so', async () => {
    scripted.answer = routes({ 'GET /deployments': json(200, []), ...made })
    await forge().tellDeployment(7, told({ ref: 'refs/tags/V1.0' }))
    expect(scripted.asked.at(-1)?.body).toMatchObject({ ref: 'V1.0', tag: true })
  })

  it('that was told of by a call whose answer was lost is not told of twice', async () => {
    scripted.answer = routes({ 'GET /deployments': newest('running'), 'PUT /deployments/54': json(200, { id: 54 }) })
    expect(await forge().tellDeployment(7, told({ state: 'success' }))).toEqual({ id: 54n })
    for (const other of [newest('success'), newest('running', { sha: THERE }), newest('running', { deployable: {} })]) {
      scripted.answer = routes({ 'GET /deployments': other, ...made })
      expect(await forge().tellDeployment(7, told())).toEqual({ id: 55n })
    }
  })

  it.each([
    ['a refusal in a field', json(400, { message: { status: ['cannot transition via "run"'] } })],
    ['a refusal in words', json(400, { message: 'Cannot transition status via :run from :running' })],
  ])('of a state that it has already is success: %s', async (_what, refusal) => {
    scripted.answer = routes({
      'PUT /deployments/54': refusal,
      'GET /deployments/54': json(200, { id: 54, sha: HERE, status: 'running' }),
    })
    expect(await forge().tellDeployment(7, told({ id: 54n }))).toEqual({ id: 54n })
    const other = await faultOf(forge().tellDeployment(7, told({ id: 54n, state: 'failed' })))
    expect(other).toMatchObject({ code: 'forge.refused', message: expect.stringMatching(/transition/) })
  })

  it('that is gone is told of anew', async () => {
    scripted.answer = routes({ 'PUT /deployments/54': json(404, { message: '404 Not found' }), ...made })
    expect(await forge().tellDeployment(7, told({ id: 54n, state: 'success' }))).toEqual({ id: 55n })
  })

  it('to a protected environment needs the right to it', async () => {
    scripted.answer = routes({
      ...made,
      'GET /deployments': json(200, []),
      'POST /deployments': json(403, { message: '403 Forbidden' }),
    })
    expect(await faultOf(forge().tellDeployment(7, told()))).toMatchObject({
      code: 'forge.denied',
      message: expect.stringContaining('protected environment'),
    })
  })
})
