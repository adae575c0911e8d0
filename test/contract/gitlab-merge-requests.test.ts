// Merge requests as GitLab tells of them, and what it answers to who approves and merges.
import { beforeEach, describe, expect, it } from 'vitest'
import { type Answer, askedFor, faultOf, forge, json, plain, routes, scripted, serveScript } from './scripted-gitlab'

serveScript()

const HEAD = 'a'.repeat(40)
const MOVED = 'b'.repeat(40)
const COMMIT = 'c'.repeat(40)
const mei = { id: 7, username: 'mei', name: 'Mei Lin' }
const bot = { id: 90, username: 'project_7_bot', name: 'Shiplock' }

const request = (change: Record<string, unknown> = {}) => ({
  id: 900,
  iid: 3,
  title: 'Greet\nmore',
  state: 'opened',
  draft: false,
  source_branch: 'feature/greeting',
  target_branch: 'develop',
  source_project_id: 7,
  target_project_id: 7,
  sha: HEAD,
  author: mei,
  web_url: 'https://gitlab.test/team/hello/-/merge_requests/3',
  detailed_merge_status: 'mergeable',
  has_conflicts: false,
  merge_commit_sha: null,
  squash_commit_sha: null,
  references: { full: 'team/hello!3' },
  ...change,
})
const showing = (change: Record<string, unknown> = {}) => json(200, request(change))
const ONE = '/merge_requests/3'
const noApprovals = json(200, { approved_by: [] })
const reading = (change: Record<string, unknown> = {}, more: Record<string, Answer> = {}) =>
  routes({ [`GET ${ONE}`]: showing(change), [`GET ${ONE}/approvals`]: noApprovals, ...more })

describe('a merge request', () => {
  it('is read with its approvals', async () => {
    const approved = json(200, { approved_by: [{ user: mei, approved_at: '2026-11-21' }, { user: null }] })
    scripted.answer = reading({}, { [`GET ${ONE}/approvals`]: approved })
    expect(await forge().mergeRequest(7, 3)).toEqual({
      iid: 3,
      title: 'Greet',
      status: 'opened',
      draft: false,
      source: 'feature/greeting',
      target: 'develop',
      fork: false,
      sourcePath: 'team/hello',
      head: HEAD,
      author: { id: '7', name: 'mei' },
      merger: null,
      webUrl: 'https://gitlab.test/team/hello/-/merge_requests/3',
      mergeable: 'mergeable',
      mergeableBecause: 'mergeable',
      mergeCommit: null,
      approvals: [{ id: '7', name: 'mei' }],
    })
    expect(askedFor().sort()).toEqual([`GET ${ONE}`, `GET ${ONE}/approvals`])
  })

  it.each([
    ['mergeable', {}, 'mergeable'],
    ['checking', {}, 'checking'],
    ['unchecked', {}, 'checking'],
    ['preparing', {}, 'checking'],
    ['approvals_syncing', {}, 'checking'],
    ['conflict', {}, 'conflict'],
    ['broken_status', {}, 'conflict'],
    ['draft_status', {}, 'blocked'],
    ['draft_status', { has_conflicts: true }, 'conflict'],
    ['not_open', { state: 'closed', has_conflicts: true }, 'blocked'],
    ['ci_still_running', {}, 'blocked'],
    ['not_approved', {}, 'blocked'],
    ['need_rebase', {}, 'blocked'],
    ['a_word_of_next_year', {}, 'blocked'],
  ])('that GitLab calls %s, with %j, is %s', async (word, change, mergeable) => {
    scripted.answer = reading({ detailed_merge_status: word, ...change })
    expect(await forge().mergeRequest(7, 3)).toMatchObject({ mergeable, mergeableBecause: word })
  })

  it.each([
    ['can_be_merged', 'mergeable'],
    ['cannot_be_merged', 'conflict'],
    ['cannot_be_merged_recheck', 'checking'],
    ['unchecked', 'checking'],
    [undefined, 'checking'],
  ])('of a GitLab before 15.6 that says %s is %s', async (merge_status, mergeable) => {
    scripted.answer = reading({ detailed_merge_status: undefined, merge_status })
    expect(await forge().mergeRequest(7, 3)).toMatchObject({ mergeable })
  })

  it.each([
    ['a merge commit', { merge_commit_sha: COMMIT, squash_commit_sha: MOVED }, COMMIT],
    ['a squash and fast-forward', { squash_commit_sha: COMMIT }, COMMIT],
    ['a fast-forward', {}, HEAD],
  ])('that was merged by %s says what came onto the target', async (_what, change, mergeCommit) => {
    scripted.answer = reading({ state: 'merged', merge_user: bot, ...change })
    const merger = { id: '90', name: 'project_7_bot' }
    expect(await forge().mergeRequest(7, 3)).toMatchObject({ status: 'merged', mergeCommit, merger })
  })

  it('that is open has no merge commit and no merger, even after a failed or an asked-for merge', async () => {
    scripted.answer = reading({ squash_commit_sha: COMMIT, merge_user: bot })
    expect(await forge().mergeRequest(7, 3)).toMatchObject({ mergeCommit: null, merger: null })
  })

  it('of a fork says where it comes from; a fork that is gone, or hidden, has no path', async () => {
    const elsewhere = (change: Record<string, unknown>, there: Answer) => {
      const one = reading({ source_project_id: 77, ...change })
      scripted.answer = (asked, response) => (asked.path === '/api/v4/projects/77' ? there : one)(asked, response)
    }
    elsewhere({}, json(200, { id: 77, path_with_namespace: 'ola/hello' }))
    expect(await forge().mergeRequest(7, 3)).toMatchObject({ fork: true, sourcePath: 'ola/hello' })
    elsewhere({}, json(404, { message: '404 Project Not Found' }))
    expect(await forge().mergeRequest(7, 3)).toMatchObject({ fork: true, sourcePath: '' })
    elsewhere({ source_project_id: null }, plain(500, 'not asked'))
    expect(await forge().mergeRequest(7, 3)).toMatchObject({ fork: true, sourcePath: '' })
    elsewhere({}, json(502, {}))
    expect(await faultOf(forge().mergeRequest(7, 3))).toMatchObject({ code: 'forge.unreachable' })
  })

  it('that is still being prepared has no head', async () => {
    scripted.answer = reading({ sha: null, author: null, detailed_merge_status: 'preparing' })
    expect(await forge().mergeRequest(7, 3)).toMatchObject({ head: '', author: { id: '', name: '' } })
  })

  it('on a GitLab without approvals has none', async () => {
    scripted.answer = reading({}, { [`GET ${ONE}/approvals`]: json(404, { error: '404 Not Found' }) })
    expect(await forge().mergeRequest(7, 3)).toMatchObject({ approvals: [] })
  })

  it('that is not there is null; a project that is not there is a fault', async () => {
    scripted.answer = json(404, { message: '404 Not found' })
    expect(await forge().mergeRequest(7, 3)).toBeNull()
    for (const other of [json(404, { message: '404 Project Not Found' }), json(404, { error: '404 Not Found' })]) {
      scripted.answer = other
      expect(await faultOf(forge().mergeRequest(7, 3))).toMatchObject({ code: 'forge.missing' })
    }
  })

  it('keeps its head under a name for git', () => {
    expect(forge().headRef(7)).toBe('refs/merge-requests/7/head')
  })
})

describe('the open merge requests', () => {
  it('are numbers, newest first, at most 500', async () => {
    scripted.answer = (asked, response) => {
      const page = Number(new URL(asked.path, 'http://x').searchParams.get('page'))
      const items = Array.from({ length: 100 }, (_, index) => ({ iid: 1000 - (page - 1) * 99 - index }))
      json(200, items, { 'x-next-page': String(page + 1), 'x-page': String(page) })(asked, response)
    }
    const numbers = await forge().openMergeRequests(7)
    // One moved from each page to the next while the page was turned.
    expect([numbers[0], numbers.length, new Set(numbers).size]).toEqual([1000, 496, 496])
    expect(scripted.asked).toHaveLength(5)
    expect(scripted.asked[0]?.path).toContain('state=opened&order_by=created_at&sort=desc&page=1&per_page=100')
  })
})

describe('opening a merge request', () => {
  const wanted = { source: 'master', target: 'develop', title: `Back ${'x'.repeat(400)}`, description: 'why' }
  const opened = { iid: 12, web_url: 'https://gitlab.test/12' }

  it('says what comes where, and keeps the source', async () => {
    scripted.answer = json(201, opened)
    expect(await forge().openMergeRequest(7, wanted)).toEqual({ iid: 12, webUrl: 'https://gitlab.test/12' })
    expect(scripted.asked[0]?.body).toMatchObject({
      source_branch: 'master',
      target_branch: 'develop',
      title: expect.stringMatching(/^.{254}…$/),
      description: 'why',
      remove_source_branch: false,
    })
  })

  it("finds the one that is open already, and not a fork's", async () => {
    scripted.answer = routes({
      'POST /merge_requests': json(409, {
        message: ['Another open merge request already exists for this source branch: !12'],
      }),
      'GET /merge_requests': json(200, [
        { iid: 14, web_url: '', source_project_id: 77, target_project_id: 7 },
        { ...opened, source_project_id: 7, target_project_id: 7 },
      ]),
    })
    expect(await forge().openMergeRequest(7, wanted)).toEqual({ iid: 12, webUrl: 'https://gitlab.test/12' })
    expect(scripted.asked[1]?.path).toContain('state=opened&source_branch=master&target_branch=develop')
  })

  it('is refused in the words of the forge, and never asked for twice', async () => {
    scripted.answer = json(409, { message: ['Another open merge request already exists'] })
    scripted.answer = routes({ 'POST /merge_requests': scripted.answer, 'GET /merge_requests': json(200, []) })
    expect(await faultOf(forge().openMergeRequest(7, wanted))).toMatchObject({ code: 'forge.refused' })
    scripted.answer = json(502, {})
    scripted.asked = []
    expect(await faultOf(forge().openMergeRequest(7, wanted))).toMatchObject({ code: 'forge.unreachable' })
    expect(scripted.asked).toHaveLength(1)
  })
})

describe('approving', () => {
  const approving = (answer: Answer, approvers: object[] = []) =>
    routes({
      [`POST ${ONE}/approve`]: answer,
      [`GET ${ONE}/approvals`]: json(200, { approved_by: approvers.map((user) => ({ user })) }),
      'GET /user': json(200, bot),
    })

  it('approves what was seen', async () => {
    scripted.answer = approving(json(201, { approved: true }))
    expect(await forge().approve(7, 3, HEAD)).toMatchObject({ ok: true })
    expect(scripted.asked[0]?.body).toEqual({ sha: HEAD })
  })

  it.each([
    ['304, as of GitLab 19', plain(304, '')],
    ['401, as before', json(401, { message: '401 Unauthorized' })],
  ])('twice is approved, though GitLab answers %s', async (_what, answer) => {
    scripted.answer = approving(answer, [mei, bot])
    expect(await forge().approve(7, 3, HEAD)).toEqual({ ok: true, because: expect.stringContaining('already') })
  })

  it.each([
    ['who may not', json(401, { message: '401 Unauthorized' }), /does not let project_7_bot approve !3/],
    ['who is forbidden to', json(403, { message: '403 Forbidden' }), /403 Forbidden/],
    [
      'what has moved',
      json(409, { message: `SHA does not match HEAD of source branch: ${MOVED}` }),
      /no longer a+: SHA/,
    ],
    ['what is not there', json(404, { message: '404 Not found' }), /no merge request !3/],
  ])('is refused to %s', async (_what, answer, because) => {
    scripted.answer = approving(answer, [mei])
    expect(await forge().approve(7, 3, HEAD)).toEqual({ ok: false, because: expect.stringMatching(because) })
  })

  it('with a token that is no good is a fault, not a no', async () => {
    scripted.answer = json(401, { message: '401 Unauthorized' })
    expect(await faultOf(forge().approve(7, 3, HEAD))).toMatchObject({ code: 'forge.denied' })
    scripted.answer = approving(json(403, { error: 'insufficient_scope', scope: 'api' }))
    expect(await faultOf(forge().approve(7, 3, HEAD))).toMatchObject({ code: 'forge.denied' })
  })
})

describe('merging', () => {
  const merged = showing({ state: 'merged', merge_commit_sha: COMMIT })
  const merging = (shown: Answer | Answer[], answers: Answer | Answer[] = merged) =>
    routes({ [`GET ${ONE}`]: shown, [`PUT ${ONE}/merge`]: answers })
  const merge = (deadlineMs = 5000) => forge(deadlineMs).merge(7, 3, HEAD, 'Merge it')
  const puts = () => scripted.asked.filter(({ method }) => method === 'PUT')
  const refused = json(405, { message: '405 Method Not Allowed' })

  beforeEach(() => {
    scripted.answer = () => expect.fail('no script')
  })

  it("merges what was seen, by the project's own method", async () => {
    scripted.answer = merging(showing())
    expect(await merge()).toEqual({ ok: true, because: `merged at ${HEAD}` })
    expect(puts().map(({ body }) => body)).toEqual([
      { sha: HEAD, merge_commit_message: 'Merge it', squash_commit_message: 'Merge it' },
    ])
    scripted.asked = []
    await forge().merge(7, 3, HEAD, '')
    expect(puts()[0]?.body).toEqual({ sha: HEAD })
  })

  it('what is merged already with that head is merged', async () => {
    scripted.answer = merging(merged)
    expect(await merge()).toMatchObject({ ok: true, because: expect.stringContaining('already') })
    expect(puts()).toEqual([])
  })

  it.each([
    ['what was merged with another head', showing({ state: 'merged', sha: MOVED }), /merged with another head, b+/],
    ['what is closed', showing({ state: 'closed' }), /closed/],
    ['what has moved', showing({ sha: MOVED }), /is b+ now, no longer a+/],
    ['what is not there', json(404, { message: '404 Not found' }), /no merge request !3/],
    ['a conflict', showing({ detailed_merge_status: 'conflict' }), /conflicts with its target/],
    ['a conflict behind a draft', showing({ detailed_merge_status: 'draft_status', has_conflicts: true }), /conflicts/],
    ['a draft', showing({ detailed_merge_status: 'draft_status' }), /it is a draft \(draft_status\)/],
    ['what lacks approvals', showing({ detailed_merge_status: 'not_approved' }), /approvals are missing/],
    ['what must be rebased', showing({ detailed_merge_status: 'need_rebase' }), /rebased/],
    ['what GitLab says in a new word', showing({ detailed_merge_status: 'moon_phase' }), /GitLab says moon_phase/],
  ])('%s is not merged, with the reason, and is not tried', async (_what, shown, because) => {
    scripted.answer = merging(shown)
    expect(await merge()).toEqual({ ok: false, because: expect.stringMatching(because) })
    expect(puts()).toEqual([])
  })

  it.each([
    [
      'moved at the last moment',
      json(409, { message: 'SHA does not match HEAD of source branch' }),
      /SHA does not match/,
    ],
    ['without the right to the branch', json(401, { message: '401 Unauthorized' }), /right to merge or push/],
  ])('%s is a no at once', async (_what, answer, because) => {
    scripted.answer = merging(showing(), answer)
    expect(await merge()).toEqual({ ok: false, because: expect.stringMatching(because) })
    expect(puts()).toHaveLength(1)
  })

  it('a moved head is told by the merge request itself, where it is known by then', async () => {
    scripted.answer = merging([showing(), showing({ sha: MOVED })], json(409, { message: 'SHA does not match' }))
    expect(await merge()).toMatchObject({ ok: false, because: expect.stringContaining(`is ${MOVED} now`) })
  })

  it('right after opening waits until GitLab has looked', async () => {
    const looking = ['preparing', 'unchecked', 'checking'].map((word) =>
      showing({ detailed_merge_status: word, sha: HEAD }),
    )
    scripted.answer = merging([...looking, showing()])
    expect(await merge()).toMatchObject({ ok: true })
    expect(puts()).toHaveLength(1)
  })

  it.each([405, 406, 422])('a %i that its state does not explain is tried again', async (status) => {
    scripted.answer = merging(showing(), [json(status, { message: 'Branch cannot be merged' }), merged])
    expect(await merge()).toMatchObject({ ok: true })
    expect(puts()).toHaveLength(2)
  })

  it('a refusal that stays is the answer, in the words of the forge', async () => {
    scripted.answer = merging(showing(), refused)
    expect(await merge()).toEqual({ ok: false, because: expect.stringContaining('405 Method Not Allowed') })
    expect(puts()).toHaveLength(4)
  })

  it('a refusal is explained by what is seen after it', async () => {
    scripted.answer = merging([showing(), showing({ detailed_merge_status: 'ci_must_pass' })], refused)
    expect(await merge()).toEqual({ ok: false, because: expect.stringContaining('pipeline must succeed') })
    expect(puts()).toHaveLength(1)
  })

  it('that was taken and is not done yet is awaited', async () => {
    const locked = showing({ state: 'locked', detailed_merge_status: 'not_open' })
    scripted.answer = merging([showing(), locked, merged], locked)
    expect(await merge()).toMatchObject({ ok: true })
    expect(puts()).toHaveLength(1)
  })

  it('that GitLab cannot decide in time is neither yes nor no', async () => {
    scripted.answer = merging(showing({ detailed_merge_status: 'checking' }))
    expect(await faultOf(merge(700))).toMatchObject({
      code: 'forge.busy',
      message: expect.stringMatching(/within 0\.7 s whether !3 can be merged \(checking\)/),
      retryAfterMs: 5000,
    })
  })

  it('that nobody answered is a fault, and is not sent twice', async () => {
    scripted.answer = merging(showing(), json(502, {}))
    expect(await faultOf(merge())).toMatchObject({ code: 'forge.unreachable' })
    expect(puts()).toHaveLength(1)
  })

  it('with a token that is no good is a fault, not a no', async () => {
    scripted.answer = merging(showing(), json(403, { error: 'insufficient_scope', scope: 'api' }))
    expect(await faultOf(merge())).toMatchObject({
      code: 'forge.denied',
      message: expect.stringContaining('scope api'),
    })
    scripted.answer = json(401, { message: '401 Unauthorized' })
    expect(await faultOf(merge())).toMatchObject({ code: 'forge.denied' })
  })
})
