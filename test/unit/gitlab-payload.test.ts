import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { ForgeEvent } from '../../pipelines/forges/forge'
import { gitlabIntake } from '../../pipelines/forges/gitlab-webhook'

const FIXTURES = new URL('../fixtures/gitlab/', import.meta.url)
const payload = (name: string) => readFileSync(new URL(`${name}.json`, FIXTURES))
const BODY = payload('push-update')

const parse = (body: string | Buffer) => gitlabIntake.parse({ 'x-gitlab-event': 'Push Hook' }, Buffer.from(body))
const pushWith = (change: Record<string, unknown>) =>
  parse(JSON.stringify({ ...JSON.parse(BODY.toString()), ...change }))
const because = (event: ForgeEvent) => (event.kind === 'ignored' ? event.because : `a ${event.kind}`)
const asPush = (event: ForgeEvent) => (event.kind === 'push' ? event : expect.fail(`ignored: ${because(event)}`))

describe('what a delivery means', () => {
  it('a push to a branch', () => {
    expect(parse(BODY)).toEqual({
      kind: 'push',
      forgeProjectId: 42,
      path: 'crew/hello',
      branch: 'develop',
      before: '1f0c9e5d7a3b48c26e91d0f4b7a85c3e2d6f9014',
      after: '8ac4d1b09e27f35560c8a9e4d3b2716fe0a5c9d8',
      title: "Greet in the visitor's language",
      pusherId: '7',
      pusherName: 'mei',
      skip: false,
    })
  })

  it('a branch that was created without a new commit is a push', () => {
    expect(asPush(parse(payload('push-branch-created')))).toMatchObject({
      branch: 'release/1.4',
      before: '0'.repeat(40),
      title: '',
    })
  })

  it('a branch that was deleted is a push to zeros', () => {
    expect(asPush(parse(payload('push-branch-deleted')))).toMatchObject({
      branch: 'feature/greeting',
      after: '0'.repeat(40),
    })
  })

  it('a pusher may ask for no run', () => {
    expect(asPush(parse(payload('push-ci-skip'))).skip).toBe(true)
    expect(asPush(pushWith({ push_options: { ci: { skip: '' } } })).skip).toBe(true)
    expect(asPush(pushWith({ push_options: { ci: { skip: false } } })).skip).toBe(false)
    expect(asPush(pushWith({ push_options: ['ci.skip'] })).skip).toBe(false)
  })

  it('a push of more commits than are listed has the title of its last', () => {
    expect(asPush(parse(payload('push-25-commits'))).title).toBe('Step 25')
  })

  it('a push from an older GitLab, and one from a system hook, are pushes', () => {
    expect(asPush(parse(payload('push-old-instance')))).toMatchObject({
      forgeProjectId: 42,
      path: '',
      pusherName: 'Mei Lin',
    })
    const event = gitlabIntake.parse({ 'x-gitlab-event': 'System Hook' }, payload('system-push'))
    expect(asPush(event)).toMatchObject({ branch: 'develop', forgeProjectId: 42 })
  })

  it('hashes of 64 digits are hashes', () => {
    expect(asPush(pushWith({ after: 'a'.repeat(64), before: '0'.repeat(64) })).after).toHaveLength(64)
  })

  it('an annotated tag names its commit, not its own object', () => {
    expect(parse(payload('tag-annotated'))).toEqual({
      kind: 'tag',
      forgeProjectId: 42,
      path: 'crew/hello',
      name: 'V1.4_202611201230',
      before: '0'.repeat(40),
      after: '1f0c9e5d7a3b48c26e91d0f4b7a85c3e2d6f9014',
      commit: '8ac4d1b09e27f35560c8a9e4d3b2716fe0a5c9d8',
      pusherId: '7',
      pusherName: 'mei',
    })
    expect(parse(payload('system-tag-push'))).toEqual(parse(payload('tag-annotated')))
  })

  it('a lightweight tag is its commit, and a deleted one is of none', () => {
    const commit = '8ac4d1b09e27f35560c8a9e4d3b2716fe0a5c9d8'
    expect(parse(payload('tag-lightweight'))).toMatchObject({ kind: 'tag', name: 'v1.4.1', after: commit, commit })
    expect(parse(payload('tag-deleted'))).toMatchObject({ kind: 'tag', after: '0'.repeat(40), commit: null })
  })

  it('a tag of something that is no commit is of none', () => {
    const tag = JSON.parse(payload('tag-annotated').toString())
    for (const checkout_sha of [null, undefined, '', 'refs/heads/x', 7]) {
      expect(parse(JSON.stringify({ ...tag, checkout_sha }))).toMatchObject({ kind: 'tag', commit: null })
    }
  })

  it('a merge request is named by its number in the project that it would come to', () => {
    expect(parse(payload('merge-request-update'))).toEqual({
      kind: 'merge-request',
      forgeProjectId: 42,
      path: 'crew/hello',
      iid: 3,
      action: 'update',
      title: 'Greeting',
      source: 'feature/greeting',
      target: 'develop',
      actorId: '7',
      actorName: 'mei',
    })
    const fork = parse(payload('merge-request-fork-open'))
    expect(fork).toMatchObject({ forgeProjectId: 42, path: 'crew/hello', iid: 16, action: 'open', actorName: 'ola' })
  })

  it('a merge request of an older GitLab, or of a system hook, is one', () => {
    const old = parse(payload('merge-request-old-instance'))
    expect(old).toMatchObject({ forgeProjectId: 42, action: 'merge', actorId: '', actorName: 'mei' })
    expect(parse(payload('system-merge-request'))).toMatchObject({ kind: 'merge-request', iid: 3, action: 'close' })
  })

  it.each([
    ['system-merge-request-without-action', /action is missing/],
    ['note-on-merge-request', /comment/],
    ['pipeline-external', /pipeline/],
    ['deployment-of-ours', /deployment/],
    ['access-token-expiring', /expire/],
    ['system-project-rename', 'an event that makes no run: project_rename'],
  ])('%s is ignored, with the reason', (name, reason) => {
    expect(because(parse(payload(name)))).toMatch(reason)
  })

  it('every payload of the corpus is understood or ignored with a reason', () => {
    const kinds = { push: 'push', tag: 'tag', 'merge-request': 'merge-request' }
    for (const file of readdirSync(FIXTURES)) {
      const name = file.replace('.json', '')
      const event = parse(payload(name))
      const about = Object.entries(kinds).find(([start]) => name.replace(/^system-/, '').startsWith(start))
      expect(event.kind, file).toBe(name.endsWith('without-action') ? 'ignored' : (about?.[1] ?? 'ignored'))
      if (event.kind === 'ignored') expect(event.because, file).not.toBe('')
    }
  })
})

describe('a hostile payload', () => {
  it.each([
    'feature/"quoted"',
    "feature/it's",
    'feature/a\nb',
    'feature/🚢',
    'feature/$(id)',
    'feature/`id`',
    '--upload-pack=touch /tmp/x',
    '../../etc',
    'feature/<script>',
    '@{-1}',
    'heads/refs/heads/develop',
    ' develop',
    '__proto__',
    '功能/问候',
  ])('may name a branch %j: the name comes out as it is, to be judged elsewhere', (branch) => {
    expect(asPush(pushWith({ ref: `refs/heads/${branch}` })).branch).toBe(branch)
  })

  it.each([
    ['a branch name with NUL', { ref: 'refs/heads/a\0b' }],
    ['half a surrogate pair in the branch name', { ref: 'refs/heads/a\ud800' }],
    ['a branch name of a megabyte', { ref: `refs/heads/${'a'.repeat(1_000_000)}` }],
    ['an empty branch name', { ref: 'refs/heads/' }],
    ['another kind of ref', { ref: 'refs/merge-requests/3/head' }],
    ['a ref that is an object', { ref: { toString: 'x' } }],
    ['no ref', { ref: undefined }],
    ['a short hash', { after: 'abc' }],
    ['a hash of 41 digits', { after: 'a'.repeat(41) }],
    ['an upper-case hash', { after: 'A'.repeat(40) }],
    ['an option for a hash', { before: '--exec=x' }],
    ['zeros on both sides', { before: '0'.repeat(40), after: '0'.repeat(40) }],
    ['a project that is text', { project_id: '42' }],
    ['a project below one', { project_id: 0 }],
    ['a project with a fraction', { project_id: 1.5 }],
    ['a project beyond exact numbers', { project_id: 2 ** 53 }],
  ])('with %s is ignored', (_what, change) => {
    expect(pushWith(change).kind).toBe('ignored')
  })

  const requestWith = (change: Record<string, unknown>, about: Record<string, unknown> = {}) => {
    const whole = JSON.parse(payload('merge-request-update').toString())
    return parse(JSON.stringify({ ...whole, ...change, object_attributes: { ...whole.object_attributes, ...about } }))
  }

  it.each([
    ['no number', { iid: undefined }],
    ['a number that is text', { iid: '3' }],
    ['a number below one', { iid: 0 }],
    ['a number beyond exact numbers', { iid: 2 ** 53 }],
    ['no action', { action: '' }],
    ['an action that is an object', { action: {} }],
    ['no source', { source_branch: undefined }],
    ['a source with NUL', { source_branch: 'a\0b' }],
    ['half a surrogate pair in the target', { target_branch: 'a\ud800' }],
    ['a target of a megabyte', { target_branch: 'a'.repeat(1_000_000) }],
  ])('of a merge request with %s is ignored', (_what, about) => {
    expect(requestWith({}, about).kind).toBe('ignored')
  })

  it('of a merge request with garbage where details belong is still one, of the same project', () => {
    for (const garbage of [null, 7, 'x', [], {}, [[null]], { id: {} }]) {
      const event = requestWith(
        { user: garbage, project: garbage, changes: garbage, labels: garbage },
        { title: garbage },
      )
      expect(event, JSON.stringify(garbage)).toMatchObject({ kind: 'merge-request', forgeProjectId: 42, iid: 3 })
    }
    expect(requestWith({ project: {} }, { target_project_id: null }).kind).toBe('ignored')
  })

  it.each([
    ['a branch in a tag event', { object_kind: 'tag_push' }],
    ['a tag in a push event', { ref: 'refs/tags/v1' }],
    ['a tag without a name', { object_kind: 'tag_push', ref: 'refs/tags/' }],
    ['a tag name with NUL', { object_kind: 'tag_push', ref: 'refs/tags/a\0' }],
    [
      'a tag from zeros to zeros',
      { object_kind: 'tag_push', ref: 'refs/tags/v1', before: '0'.repeat(40), after: '0'.repeat(40) },
    ],
  ])('with %s is ignored', (_what, change) => {
    expect(pushWith(change).kind).toBe('ignored')
  })

  it('keeps titles and names short, on one line and storable', () => {
    const after = '8ac4d1b09e27f35560c8a9e4d3b2716fe0a5c9d8'
    const event = asPush(
      pushWith({
        commits: [{ id: after, message: `${'🚢'.repeat(300)}\nsecond line` }],
        user_username: `a\u0000b\u001b[31m\ud83d${'x'.repeat(9000)}`,
        user_id: 'y'.repeat(9000),
        project: { path_with_namespace: 'p/'.repeat(9000) },
      }),
    )
    expect(Array.from(event.title)).toHaveLength(200)
    expect(event.title.endsWith('🚢…')).toBe(true)
    expect(event.pusherName).toMatch(/^a\ufffdb \[31m\ufffdx+…$/)
    expect([event.pusherName.length, event.pusherId.length, event.path.length]).toEqual([255, 64, 500])
  })

  it('with garbage where details belong is still a push', () => {
    for (const garbage of [null, 7, 'x', [], {}, [[null]], { id: {} }, { ci: null }, { ci: [] }]) {
      const event = pushWith({
        commits: garbage,
        project: garbage,
        push_options: garbage,
        user_id: garbage,
        user_name: garbage,
        user_username: garbage,
      })
      expect(event.kind, JSON.stringify(garbage)).toBe('push')
    }
  })

  it.each([
    ['nothing', ''],
    ['null', 'null'],
    ['a number', '1e999'],
    ['text', '"push"'],
    ['an array', '[{"object_kind":"push"}]'],
    ['broken JSON', '{"object_kind":"push"'],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
    ['no event', '{"ref":"refs/heads/develop"}'],
    ['an event that is an object', '{"object_kind":{"a":1}}'],
    ['an event named like a property of every object', '{"object_kind":"constructor"}'],
    ['an event named __proto__', '{"object_kind":"__proto__"}'],
    ['a prototype', '{"__proto__":{"object_kind":"push","ref":"refs/heads/develop"}}'],
    ['a push without anything', '{"object_kind":"push"}'],
    ['brackets nested 200,000 deep', '['.repeat(200_000)],
    [
      'closed brackets nested 200,000 deep',
      `{"object_kind":"push","commits":${'['.repeat(200_000)}${']'.repeat(200_000)}}`,
    ],
  ])('of %s is ignored and never throws', (_what, body) => {
    const event = parse(body)
    expect(event.kind).toBe('ignored')
    expect(because(event).length).toBeLessThan(200)
  })

  it('changes no prototype', () => {
    parse(
      `{"object_kind":"push","__proto__":{"polluted":1},"push_options":{"ci":{"__proto__":{"polluted":1}}},"constructor":{"prototype":{"polluted":1}}}`,
    )
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  it.each(['push-update', 'tag-annotated', 'merge-request-fork-open'])(
    '%s, cut anywhere or with any byte changed, never throws',
    (name) => {
      const body = payload(name)
      for (let at = 0; at < body.length; at += 3) {
        parse(body.subarray(0, at))
        const changed = Buffer.from(body)
        changed[at] = (at * 31) & 0xff
        parse(changed)
      }
    },
  )
})
