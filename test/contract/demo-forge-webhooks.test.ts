// The webhooks of the demo forge, against what GitLab 19 is known to send.
import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { api, arrives, git, given, KEY, of, standUp, there, ZERO } from './given-demo-forge'

standUp()

describe('webhooks', () => {
  it('are signed over the raw body, and the dedupe key is the webhook id', async () => {
    const { id, clone, commit } = await given('signed')
    const sha = await commit('signed')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    await arrives(id)
    const [one] = of(id)
    if (!one) throw new Error('nothing arrived')
    const { headers, body, push } = one
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', KEY).update(signed).digest('base64')}`)
    expect(headers).toMatchObject({
      'user-agent': 'GitLab/19.3.0',
      'x-gitlab-event': 'Push Hook',
      'x-gitlab-instance': there.forge.url,
      'x-gitlab-token': 'in-clear',
      'idempotency-key': headers['webhook-id'],
      'content-type': 'application/json',
    })
    expect(push).toMatchObject({
      object_kind: 'push',
      after: sha,
      checkout_sha: sha,
      user_id: there.ann.id,
      total_commits_count: 1,
    })
    expect(push.commits.map(({ title }) => title)).toEqual(['signed'])
  })

  it('tell of a branch created without commits, and of one deleted, by zeros', async () => {
    const { id, clone } = await given('zeros')
    const head = await git(clone, 'rev-parse', 'HEAD')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:refs/heads/release/1.0')
    await arrives(id)
    expect(of(id)[0]?.push).toMatchObject({
      ref: 'refs/heads/release/1.0',
      before: ZERO,
      after: head,
      commits: [],
      total_commits_count: 0,
    })
    await git(clone, 'push', '--quiet', 'origin', ':release/1.0')
    await arrives(id, 2)
    expect(of(id)[1]?.push).toMatchObject({ before: head, after: ZERO, checkout_sha: null, commits: [] })
  })

  it('tell of an annotated tag by the tag object, with the commit to check out', async () => {
    const { id, clone } = await given('tags')
    const head = await git(clone, 'rev-parse', 'HEAD')
    await git(clone, 'tag', '-a', '-m', 'Release 1.0', 'v1.0')
    await git(clone, 'push', '--quiet', 'origin', 'v1.0')
    await arrives(id)
    const [one] = of(id)
    expect(one?.headers['x-gitlab-event']).toBe('Tag Push Hook')
    const tag = await git(clone, 'rev-parse', 'v1.0')
    expect(one?.push).toMatchObject({ object_kind: 'tag_push', after: tag, checkout_sha: head, message: 'Release 1.0' })
  })

  it('hold the newest twenty commits, and count them all', async () => {
    const { id, clone, commit } = await given('many')
    for (let n = 1; n <= 22; n++) await commit(`number ${n}`)
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    await arrives(id)
    const push = of(id)[0]?.push
    expect(push?.total_commits_count).toBe(22)
    expect(push?.commits.map(({ title }) => title)).toEqual(Array.from({ length: 20 }, (_, n) => `number ${n + 3}`))
  })

  it('carry ci.skip, for that push alone', async () => {
    const { id, clone, commit } = await given('skip')
    await commit('skipped')
    await git(clone, 'push', '--quiet', '-o', 'ci.skip', 'origin', 'HEAD:develop')
    await arrives(id)
    await commit('not skipped')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    await arrives(id, 2)
    expect(of(id).map(({ push }) => push.push_options)).toEqual([{ ci: { skip: true } }, {}])
  })

  it('are not sent for four branches created at once, while the one updated beside them is told of', async () => {
    const { id, clone, commit } = await given('four')
    await commit('beside')
    await git(
      clone,
      'push',
      '--quiet',
      'origin',
      ...['a', 'b', 'c', 'd'].map((n) => `HEAD:refs/heads/feature/${n}`),
      'HEAD:develop',
    )
    // A later push is the proof that nothing else was still on its way.
    await commit('later')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    await arrives(id, 2)
    expect(of(id).map(({ push }) => push.ref)).toEqual(['refs/heads/develop', 'refs/heads/develop'])
  })

  it('are sent again with the same key when somebody asks', async () => {
    const { id, clone, commit, hook } = await given('resend')
    await commit('again')
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:develop')
    await arrives(id)
    await there.forge.idle()
    const events = await api(`/projects/${id}/hooks/${hook.id}/events`)
    expect(events.json[0]).toMatchObject({ response_status: '202' })
    const resent = await api(`/projects/${id}/hooks/${hook.id}/events/${events.json[0].id}/resend`, { method: 'POST' })
    expect([resent.status, resent.json]).toEqual([201, { response_status: 202 }])
    await arrives(id, 2)
    expect(new Set(of(id).map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
  })
})
