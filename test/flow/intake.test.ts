import { createHmac, randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hookSecrets } from '../../prisma/seal'
import { eventually, Shiplock, serviceFile } from '../given'

let shiplock: Shiplock
let project: number
let secrets: { token: string; signingKey: Buffer }
let head: string

beforeAll(async () => {
  shiplock = await Shiplock.start()
  project = await shiplock.project()
  const row = await shiplock.record.db.project.findUniqueOrThrow({ where: { id: project } })
  secrets = hookSecrets(`${shiplock.dir}/keys`, row.hook)
  head = (await (await shiplock.clone()).command('rev-parse', 'origin/develop')).trim()
})
afterAll(() => shiplock?.close())

const push = (over: Record<string, unknown> = {}) => {
  const ref = `refs/heads/${(over.branch as string | undefined) ?? 'feature/x'}`
  const { branch: _, ...rest } = over
  return JSON.stringify({
    object_kind: 'push',
    event_name: 'push',
    before: '0'.repeat(40),
    after: head,
    ref,
    checkout_sha: head,
    user_id: 2,
    user_name: 'Mia Chen',
    user_username: 'mia',
    project_id: 1,
    project: { id: 1, path_with_namespace: 'team/hello' },
    commits: [],
    total_commits_count: 0,
    ...rest,
  })
}

/** Headers of a signed delivery, as GitLab 19 sends them. */
const signed = (
  body: string | Buffer,
  over: { key?: string; id?: string; event?: string } = {},
): Record<string, string> => {
  const id = over.id ?? randomUUID()
  const at = String(Math.floor(Date.now() / 1000))
  const signature = createHmac('sha256', over.key === undefined ? secrets.signingKey : Buffer.from(over.key))
    .update(`${id}.${at}.`)
    .update(body)
    .digest('base64')
  return {
    'x-gitlab-event': over.event ?? 'Push Hook',
    'idempotency-key': id,
    'webhook-id': id,
    'webhook-timestamp': at,
    'webhook-signature': `v1,${signature}`,
    'x-gitlab-token': secrets.token,
  }
}
const deliver = async (body: string, headers = signed(body)) => {
  const answer = await shiplock.deliver(project, headers, body)
  return {
    status: answer.status,
    body: (await answer.json()) as {
      decision?: string
      because?: string
      run?: number
      url?: string
      error?: { code: string; message: string }
    },
  }
}
const count = async (table: string) =>
  Number((await shiplock.record.pool.query(`SELECT count(*) AS n FROM "${table}"`)).rows[0].n)

describe('who may deliver', () => {
  it('no secret: 401, before the body is read', async () => {
    const { hook } = await shiplock.record.db.project.findUniqueOrThrow({ where: { id: project } })
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const sending = request(
        `${shiplock.web.url}/webhooks/${hook}`,
        { method: 'POST', headers: { 'content-type': 'application/json', 'content-length': 20_000_000 } },
        (r) => resolve(r.statusCode),
      )
      sending.on('error', reject)
      sending.flushHeaders() // and not one byte of the body
    })
    expect(status).toBe(401)
  })
  it('a wrong signature: 401, and nothing is stored', async () => {
    const before = await count('Delivery')
    const body = push()
    expect((await deliver(body, signed(body, { key: 'wrong' }))).status).toBe(401)
    expect((await deliver(`${body} `, signed(body))).status).toBe(401)
    expect(await count('Delivery')).toBe(before)
  })
  it('only the token, where the forge is known to sign: 401', async () => {
    expect((await deliver(push(), { 'x-gitlab-event': 'Push Hook', 'x-gitlab-token': secrets.token })).status).toBe(401)
  })
  it('an unknown hook: 404, and says where to find the right one', async () => {
    const answer = await fetch(`${shiplock.web.url}/webhooks/${'x'.repeat(24)}`, {
      method: 'POST',
      headers: signed('{}'),
      body: '{}',
    })
    expect(answer.status).toBe(404)
    expect(await answer.text()).toContain("project's page")
  })
  it('a body over 25 MB: 413', async () => {
    const body = 'x'.repeat(25 * 1024 * 1024 + 1)
    expect((await shiplock.deliver(project, signed(body), body)).status).toBe(413)
  })
})

describe('what is made of it', () => {
  it.each([
    ['not JSON', 'Push Hook', '{"object_kind":'],
    ['an empty body', 'Push Hook', ''],
    ['a list', 'Push Hook', '[]'],
    ['another event', 'Issue Hook', '{"object_kind":"issue"}'],
    ['a body without its kind', 'Push Hook', '{"ref":"refs/heads/develop"}'],
    ['a push without a commit', 'Push Hook', '{"object_kind":"push","ref":"refs/heads/develop","project_id":1}'],
    ['a tag', 'Tag Push Hook', '{"object_kind":"tag_push","ref":"refs/tags/v1","project_id":1}'],
    [
      'names that are no names',
      'Push Hook',
      '{"object_kind":"push","__proto__":{"x":1},"ref":{"a":[]},"project_id":"one"}',
    ],
  ])('%s is stored, and ignored with the reason', async (_name, event, body) => {
    const answer = await deliver(body, signed(body, { event }))
    expect(answer).toMatchObject({ status: 200, body: { decision: 'ignored', because: expect.stringMatching(/./) } })
  })
  it('the payload of another project is ignored', async () => {
    expect((await deliver(push({ project_id: 99 }))).body).toMatchObject({
      decision: 'ignored',
      because: expect.stringContaining('99'),
    })
  })
  it.each([
    "feature/it's",
    'feature/a"b',
    'feature/a\nb',
    '--upload-pack=/bin/sh',
    'feature/../../etc',
    `feature/${'a'.repeat(250)}`,
    'feature/🚀',
    'fix_stuff',
  ])('a branch called %j is refused, and a run says why', async (branch) => {
    const answer = await deliver(push({ branch }))
    expect(answer).toMatchObject({ status: 200, body: { decision: 'refused' } })
    const run = await shiplock.client.run(Number(answer.body.run))
    expect(run).toMatchObject({ status: 'refused', because: answer.body.because, stages: [] })
  })
  it.each(['feature/a\u0000b', 'feature/\ud800'])(
    'a branch called %j, which git cannot have, is ignored',
    async (branch) => {
      expect(await deliver(push({ branch }))).toMatchObject({ status: 200, body: { decision: 'ignored' } })
    },
  )
  it('words of a stranger that no database can hold do no harm', async () => {
    const body = push({
      branch: 'feature/words',
      user_username: 'a\u0000\ud800',
      user_name: 'b\u0000',
      commits: [{ id: head, title: 'c\u0000\udfff', message: 'c\u0000' }],
    })
    const headers = { ...signed(body), 'x-gitlab-event': 'Push Hook \u00ff' }
    expect(await deliver(body, headers)).toMatchObject({ status: 202, body: { decision: 'accepted' } })
  })
  it('a branch outside the flow is refused on the commit too', async () => {
    await shiplock.told(head, { shiplock: 'failed' })
  })
  it('a deleted branch is ignored, and its open run is canceled', async () => {
    const commit = await shiplock.push('feature/short-lived', {
      '.shiplock.yaml': serviceFile({ static: 'sleep 600' }),
    })
    const run = await shiplock.runOf(commit)
    await eventually('it runs', async () =>
      (await shiplock.client.run(run.id)).stages.some((s) => s.status === 'running'),
    )
    await (await shiplock.clone()).command('push', '--quiet', 'origin', '--delete', 'feature/short-lived')
    expect(await shiplock.endedRun(commit)).toMatchObject({ status: 'canceled', because: 'the branch was deleted' })
  })
  it('a new branch without a commit of its own is carried', async () => {
    await (await shiplock.clone()).command('push', '--quiet', 'origin', 'origin/develop:refs/heads/feature/nothing-new')
    const run = await shiplock.runOf(head, 'feature/nothing-new')
    expect(run.commit).toBe(head)
  })
})

describe('the same again', () => {
  it('the same delivery twice makes one run', async () => {
    const body = push({ branch: 'feature/twice' })
    const headers = signed(body)
    const first = await deliver(body, headers)
    const second = await deliver(body, headers)
    expect(first).toMatchObject({
      status: 202,
      body: { decision: 'accepted', url: `${shiplock.web.url}/runs/${first.body.run}` },
    })
    expect(second).toMatchObject({ status: 200, body: { decision: 'duplicate', run: first.body.run } })
  })
  it('the same content through a second hook makes one run, and both are in the inbox', async () => {
    const body = push({ branch: 'feature/second-hook' })
    const first = await deliver(body)
    const second = await deliver(body)
    expect(second.body).toMatchObject({ decision: 'duplicate', run: first.body.run })
  })
  it('200 copies of 20 pushes at once make 20 runs', async () => {
    const before = await count('Run')
    const bodies = Array.from({ length: 20 }, (_, n) =>
      push({ branch: `feature/storm-${n}`, before: n.toString(16).padStart(40, '1') }),
    )
    const copies = bodies.flatMap((body) => Array.from({ length: 10 }, () => body)).sort(() => Math.random() - 0.5)
    const answers = await Promise.all(copies.map((body) => deliver(body)))
    expect(answers.filter((a) => a.body.decision === 'accepted')).toHaveLength(20)
    expect(answers.every((a) => typeof a.body.run === 'number')).toBe(true)
    expect(await count('Run')).toBe(before + 20)
  })
})

describe('the payload is a hint', () => {
  it('a push that is no longer the head is superseded, and the head is carried', async () => {
    const old = await shiplock.push('feature/moves', { 'www/index.html': 'old\n' })
    await shiplock.endedRun(old)
    const body = push({ branch: 'feature/moves', after: 'c'.repeat(40) })
    const answer = await deliver(body)
    await eventually(
      'it is superseded',
      async () => (await shiplock.client.run(Number(answer.body.run))).status === 'superseded',
    )
  })
})
