// What the GitHub driver makes of a pull request in each of its states, and of every refusal of GitHub's.
import { describe, expect, it } from 'vitest'
import { A, answering, B, calls, forge, PULL, REPOSITORY } from './scripted-github'
import { type Answer, faultOf, json, scripted, serveScript } from './scripted-gitlab'

serveScript()

const AT = '/repos/team/hello/pulls/3'
const read = async (change: object, more: Record<string, Answer | Answer[]> = {}) => {
  answering({ [`GET ${AT}`]: json(200, { ...PULL, ...change }), ...more })
  return (await forge().mergeRequest(7, 3)) ?? expect.fail('there is none')
}
const mei = { id: 21, login: 'mei' }
const kai = { id: 22, login: 'kai' }

describe('a pull request', () => {
  it.each([
    [{ mergeable: true, mergeable_state: 'clean' }, 'mergeable'],
    [{ mergeable: true, mergeable_state: 'unstable' }, 'mergeable'],
    [{ mergeable: true, mergeable_state: 'has_hooks' }, 'mergeable'],
    [{ mergeable: true, mergeable_state: 'blocked' }, 'blocked'],
    [{ mergeable: true, mergeable_state: 'behind' }, 'blocked'],
    [{ mergeable: true, mergeable_state: 'draft', draft: true }, 'blocked'],
    [{ mergeable: true, mergeable_state: 'a new word' }, 'blocked'],
    [{ mergeable: false, mergeable_state: 'dirty' }, 'conflict'],
    [{ mergeable: null, mergeable_state: 'unknown' }, 'checking'],
    [{ mergeable: null, mergeable_state: 'unknown', state: 'closed' }, 'blocked'],
  ])('with %j is %s', async (change, mergeable) => {
    expect(await read(change)).toMatchObject({ mergeable, mergeableBecause: change.mergeable_state })
  })

  it('that is open has no merge commit, whatever trial merge GitHub shows', async () => {
    expect((await read({})).mergeCommit).toBeNull()
  })

  it('that was merged says what came onto its target, and by whom', async () => {
    const merged = { state: 'closed', merged: true, merged_by: kai, merge_commit_sha: A, mergeable: null }
    expect(await read(merged)).toMatchObject({ status: 'merged', mergeCommit: A, merger: { id: '22', name: 'kai' } })
  })

  it('whose fork or author is gone says so', async () => {
    const gone = { user: null, head: { ...PULL.head, repo: null } }
    expect(await read(gone)).toMatchObject({ fork: true, sourcePath: '', author: { id: '', name: 'ghost' } })
  })

  it('is asked for once more where GitHub has only begun to look', async () => {
    answering({ [`GET ${AT}`]: [json(200, { ...PULL, mergeable: null }), json(200, PULL)] })
    expect((await forge().mergeRequest(7, 3))?.mergeable).toBe('mergeable')
  })
})

describe('an approval', () => {
  const approvals = async (...reviews: object[]) =>
    (await read({}, { [`GET ${AT}/reviews`]: json(200, reviews) })).approvals.map(({ name }) => name)
  const review = (user: object | null, state: string, commit_id: string | null = B) => ({ user, state, commit_id })

  it.each([
    ['counts', [review(mei, 'APPROVED')], ['mei']],
    [
      'counts once for each',
      [review(mei, 'APPROVED'), review(kai, 'APPROVED'), review(mei, 'APPROVED')],
      ['mei', 'kai'],
    ],
    ['of an earlier head does not count', [review(mei, 'APPROVED', A)], []],
    [
      'of an earlier head counts when it is given again',
      [review(mei, 'APPROVED', A), review(mei, 'APPROVED')],
      ['mei'],
    ],
    ['that was dismissed does not count', [review(mei, 'DISMISSED')], []],
    [
      'that was taken back by asking for changes does not count',
      [review(mei, 'APPROVED'), review(mei, 'CHANGES_REQUESTED')],
      [],
    ],
    [
      'is not taken back by a comment',
      [review(mei, 'APPROVED'), review(mei, 'COMMENTED'), review(mei, 'PENDING')],
      ['mei'],
    ],
    ['of nobody does not count', [review(null, 'APPROVED')], []],
    ['of no commit does not count', [review(mei, 'APPROVED', null)], []],
  ])('%s', async (_what, reviews, names) => {
    expect(await approvals(...reviews)).toEqual(names)
  })

  it('does not count where nobody can tell which review is the latest', async () => {
    const link = { link: '<http://x/?page=2>; rel="next"' }
    const endless = json(200, [review(mei, 'APPROVED')], link)
    expect((await read({}, { [`GET ${AT}/reviews`]: endless })).approvals).toEqual([])
  })

  it('is written of the very commit', async () => {
    answering({ [`POST ${AT}/reviews`]: json(200, {}) })
    expect(await forge().approve(7, 3, B)).toEqual({ ok: true, because: `approved at ${B}` })
    const posted = scripted.asked.find(({ method }) => method === 'POST')
    expect(posted?.body).toEqual({ event: 'APPROVE', commit_id: B })
  })

  it('is not written twice', async () => {
    answering({ [`GET ${AT}/reviews`]: json(200, [review({ id: 1, login: 'bot' }, 'APPROVED')]) })
    expect(await forge().approve(7, 3, B)).toMatchObject({ ok: true })
    expect(calls().some((call) => call.startsWith('POST'))).toBe(false)
  })

  it("of one's own pull request is refused, in GitHub's words", async () => {
    const errors = ['Can not approve your own pull request']
    answering({ [`POST ${AT}/reviews`]: json(422, { message: 'Unprocessable Entity', errors }) })
    const answer = await forge().approve(7, 3, B)
    expect(answer).toEqual({ ok: false, because: expect.stringContaining('Can not approve your own pull request') })
  })

  it('of a head that moved while it was written is no approval of what is there', async () => {
    const moved = { ...PULL, head: { ...PULL.head, sha: A } }
    answering({ [`GET ${AT}`]: [json(200, PULL), json(200, moved)], [`POST ${AT}/reviews`]: json(200, {}) })
    expect(await forge().approve(7, 3, B)).toEqual({ ok: false, because: expect.stringContaining(A) })
  })

  it('by a token that is too weak is a denial, not an answer', async () => {
    const words = 'Resource not accessible by personal access token'
    answering({ [`POST ${AT}/reviews`]: json(403, { message: words }) })
    expect(await faultOf(forge().approve(7, 3, B))).toMatchObject({ code: 'forge.denied' })
  })
})

describe('a merge', () => {
  it.each([
    [{}, 'merge'],
    [{ allow_merge_commit: false }, 'squash'],
    [{ allow_merge_commit: false, allow_squash_merge: false }, 'rebase'],
    [{ allow_merge_commit: undefined, allow_squash_merge: undefined }, 'merge'],
  ])('of a repository with %j is by %s', async (change, method) => {
    answering({
      'GET /repos/team/hello': json(200, { ...REPOSITORY, ...change }),
      [`PUT ${AT}/merge`]: json(200, { merged: true }),
    })
    expect(await forge().merge(7, 3, B, 'Bring it\n\nTo develop')).toEqual({ ok: true, because: `merged at ${B}` })
    const words = { commit_title: 'Bring it', commit_message: 'To develop' }
    expect(scripted.asked.at(-1)?.body).toEqual({ sha: B, merge_method: method, ...words })
  })

  it.each([
    [405, 'Pull Request is not mergeable'],
    [405, 'At least 1 approving review is required by reviewers with write access.'],
    [422, 'Repository rule violations found'],
    [403, "You're not authorized to push to this branch."],
    [404, 'Not Found'],
  ])('that is answered with %i %s is refused, in these words', async (status, message) => {
    answering({ [`PUT ${AT}/merge`]: json(status, { message }) })
    expect(await forge().merge(7, 3, B, '')).toEqual({ ok: false, because: `GitHub does not merge #3: ${message}` })
  })

  it('that came a moment late is asked for again later', async () => {
    const message = 'Base branch was modified. Review and try the merge again.'
    answering({ [`PUT ${AT}/merge`]: json(405, { message }) })
    expect(await faultOf(forge().merge(7, 3, B, ''))).toMatchObject({ code: 'forge.busy', retryAfterMs: 1_000 })
  })

  it('of a head that moved meanwhile says where it moved', async () => {
    const moved = { ...PULL, head: { ...PULL.head, sha: A } }
    const message = 'Head branch was modified. Review and try the merge again.'
    answering({ [`GET ${AT}`]: [json(200, PULL), json(200, moved)], [`PUT ${AT}/merge`]: json(409, { message }) })
    expect(await forge().merge(7, 3, B, '')).toEqual({ ok: false, because: expect.stringContaining(A) })
  })

  it('that somebody else did meanwhile is done', async () => {
    const merged = { ...PULL, state: 'closed', merged: true }
    const message = 'Pull Request is not mergeable'
    answering({ [`GET ${AT}`]: [json(200, PULL), json(200, merged)], [`PUT ${AT}/merge`]: json(405, { message }) })
    expect(await forge().merge(7, 3, B, '')).toMatchObject({ ok: true })
  })

  it('that GitHub cannot judge in time is asked for later', async () => {
    answering({ [`GET ${AT}`]: json(200, { ...PULL, mergeable: null }) })
    expect(await faultOf(forge(600).merge(7, 3, B, ''))).toMatchObject({ code: 'forge.busy', retryAfterMs: 5_000 })
  })

  it('whose limit is used up is later, not refused', async () => {
    answering({ [`PUT ${AT}/merge`]: json(403, { message: 'You have exceeded a secondary rate limit' }) })
    expect(await faultOf(forge().merge(7, 3, B, ''))).toMatchObject({ code: 'forge.busy' })
  })
})

describe('opening one', () => {
  const wanted = { source: 'feature/greet', target: 'develop', title: 'Greet', description: '' }
  const list = 'GET /repos/team/hello/pulls'
  const create = 'POST /repos/team/hello/pulls'

  it('finds the one that is open, and not that of a fork', async () => {
    const fork = { ...PULL, number: 2, head: { ...PULL.head, repo: { id: 9, full_name: 'team/hello-too' } } }
    answering({ [list]: json(200, [fork, PULL]) })
    expect(await forge().openMergeRequest(7, wanted)).toEqual({ iid: 3, webUrl: PULL.html_url })
    const [, asked = ''] = scripted.asked.at(-1)?.path.split('?') ?? []
    expect(Object.fromEntries(new URLSearchParams(asked))).toMatchObject({
      head: 'team:feature/greet',
      base: 'develop',
    })
  })

  it('finds the one that somebody opened in the same moment', async () => {
    const errors = [{ resource: 'PullRequest', code: 'custom', message: 'A pull request already exists for team:x.' }]
    answering({
      [list]: [json(200, []), json(200, [PULL])],
      [create]: json(422, { message: 'Validation Failed', errors }),
    })
    expect((await forge().openMergeRequest(7, wanted)).iid).toBe(3)
  })

  it('of nothing is refused, in the words of GitHub', async () => {
    const errors = [
      { resource: 'PullRequest', code: 'custom', message: 'No commits between develop and feature/greet' },
    ]
    answering({ [list]: json(200, []), [create]: json(422, { message: 'Validation Failed', errors }) })
    const fault = await faultOf(forge().openMergeRequest(7, wanted))
    expect(fault).toMatchObject({ code: 'forge.refused', message: expect.stringContaining('No commits between') })
  })
})
