// What deliveries of GitHub mean: the community's corpus of payloads, and those that nobody sends.
import type { EmitterWebhookEvent } from '@octokit/webhooks'
import corpus from '@octokit/webhooks-examples'
import { describe, expect, expectTypeOf, it } from 'vitest'
import type { z } from 'zod'
import type { ForgeEvent } from '../../pipelines/forges/forge'
import { githubIntake, type PullRequest, type Push } from '../../pipelines/forges/github-webhook'

const parse = (name: string, body: unknown): ForgeEvent =>
  githubIntake.parse({ 'x-github-event': name }, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
const because = (event: ForgeEvent) => (event.kind === 'ignored' ? event.because : `a ${event.kind}`)

const A = 'a'.repeat(40)
const B = 'b'.repeat(40)
const ZEROS = '0'.repeat(40)
const sender = { id: 21, login: 'mei', type: 'User' }
const repository = { id: 42, full_name: 'crew/hello' }
const push = {
  ref: 'refs/heads/develop',
  before: A,
  after: B,
  created: false,
  deleted: false,
  head_commit: { id: B, message: 'Greet\n\nin every language' },
  commits: [],
  pusher: { name: 'mei' },
  repository,
  sender,
}
const pull = {
  action: 'opened',
  number: 7,
  pull_request: {
    number: 7,
    title: 'Greet',
    head: { ref: 'feature/greet', sha: B },
    base: { ref: 'develop', sha: A },
  },
  repository,
  sender,
}

describe("the community's corpus", () => {
  const examples = corpus.flatMap(({ name, examples: bodies }) => bodies.map((body, n) => ({ name, n, body })))
  const readable = ['push', 'pull_request', 'pull_request_review']

  it('is understood where it moves the flow, and set aside with a reason where it does not', () => {
    expect(examples.length).toBeGreaterThan(300)
    const kinds: Record<string, number> = {}
    for (const { name, n, body } of examples) {
      const event = parse(name, body)
      if (event.kind === 'ignored') expect(event.because, `${name} ${n}`).not.toMatch(/cannot be read|the body/)
      else expect(readable, `${name} ${n}`).toContain(name)
      const what = `${name}: ${event.kind}`
      kinds[what] = (kinds[what] ?? 0) + 1
    }
    expect(kinds).toMatchObject({
      'push: push': 2,
      'push: tag': 5,
      'pull_request: merge-request': 15,
      'pull_request: ignored': 14,
      'pull_request_review: merge-request': 4,
      'ping: ignored': 4,
      'create: ignored': 5,
      'delete: ignored': 4,
    })
  })

  it('is never taken for another event than it is', () => {
    for (const { name, n, body } of examples)
      for (const other of readable.filter((each) => each !== name))
        expect(because(parse(other, body)), `${name} ${n} as ${other}`).toBe(
          `the header says ${other}, but the body is none`,
        )
  })

  it('cut off anywhere is ignored', () => {
    for (const name of readable) {
      const text = JSON.stringify(corpus.find((event) => event.name === name)?.examples[0])
      for (let at = 0; at < text.length; at += 97) expect(parse(name, text.slice(0, at)).kind).toBe('ignored')
    }
  })

  it('without any one of its fields is read or ignored, and nothing is thrown', () => {
    for (const name of readable)
      for (const body of corpus.find((event) => event.name === name)?.examples ?? [])
        for (const without of eachWithout(body as object)) expect(parse(name, without).kind).toMatch(/./)
  })
})

/** The object once for each of its fields and those of its fields, less that field; and once with a number there. */
function* eachWithout(body: object): Generator<object> {
  for (const [key, value] of Object.entries(body)) {
    const { [key as keyof typeof body]: _gone, ...rest } = body
    yield rest
    yield { ...rest, [key]: 7 }
    yield { ...rest, [key]: null }
    if (typeof value === 'object' && value !== null)
      for (const inner of Object.keys(value)) yield { ...rest, [key]: { ...value, [inner]: [] } }
  }
}

describe('a push', () => {
  it('to a branch', () => {
    expect(parse('push', push)).toEqual({
      kind: 'push',
      forgeProjectId: 42,
      path: 'crew/hello',
      branch: 'develop',
      before: A,
      after: B,
      title: 'Greet',
      pusherId: '21',
      pusherName: 'mei',
      skip: false,
    })
  })

  it('that makes or deletes a branch has zeros', () => {
    const name = { ref: 'refs/heads/release/1.0' }
    expect(parse('push', { ...push, ...name, before: ZEROS })).toMatchObject({ kind: 'push', branch: 'release/1.0' })
    const gone = { ...push, ...name, after: ZEROS, head_commit: null }
    expect(parse('push', gone)).toMatchObject({ kind: 'push', after: ZEROS, title: '' })
  })

  it('of a tag names the commit, which an annotated tag is not', () => {
    const tag = { ...push, ref: 'refs/tags/V1.0', before: ZEROS, head_commit: { id: A, message: 'Greet' } }
    expect(parse('push', tag)).toEqual({
      kind: 'tag',
      forgeProjectId: 42,
      path: 'crew/hello',
      name: 'V1.0',
      before: ZEROS,
      after: B,
      commit: A,
      pusherId: '21',
      pusherName: 'mei',
    })
    expect(parse('push', { ...tag, before: B, after: ZEROS, head_commit: null })).toMatchObject({ commit: null })
    expect(parse('push', { ...tag, head_commit: null })).toMatchObject({ kind: 'tag', commit: null })
  })

  it.each([
    ['of a note', { ref: 'refs/notes/commits' }, 'not a branch'],
    ['of a branch without a name', { ref: 'refs/heads/' }, 'not a branch'],
    ['of nothing', { before: ZEROS, after: ZEROS }, 'a push of nothing: both commits are zeros'],
    ['with NUL in its name', { ref: 'refs/heads/a\0b' }, 'a branch name that no git repository can hold'],
    ['with half a character', { ref: 'refs/heads/\ud83d' }, 'a branch name that no git repository can hold'],
    ['with a name without end', { ref: `refs/heads/${'x'.repeat(2000)}` }, /^a push that cannot be read: ref/],
    ['of a repository without a number', { repository: { full_name: 'a/b' } }, /cannot be read: repository\.id/],
    ['by nobody', { sender: null }, /cannot be read: sender/],
  ])('%s is ignored', (_what, change, reason) => {
    const said = because(parse('push', { ...push, ...change }))
    if (typeof reason === 'string') expect(said).toBe(reason)
    else expect(said).toMatch(reason)
  })
})

describe('a pull request', () => {
  it('is a merge request by its number', () => {
    expect(parse('pull_request', pull)).toEqual({
      kind: 'merge-request',
      forgeProjectId: 42,
      path: 'crew/hello',
      iid: 7,
      action: 'opened',
      title: 'Greet',
      source: 'feature/greet',
      target: 'develop',
      actorId: '21',
      actorName: 'mei',
    })
  })

  it.each(['synchronize', 'closed', 'reopened', 'edited', 'ready_for_review', 'a_new_action'])(
    '%s is looked at',
    (action) => {
      expect(parse('pull_request', { ...pull, action })).toMatchObject({ kind: 'merge-request', action })
    },
  )

  it.each(['labeled', 'assigned', 'review_requested'])('%s moves nothing', (action) => {
    expect(because(parse('pull_request', { ...pull, action }))).toBe(`a pull request was ${action}`)
  })

  it('that was reviewed says how', () => {
    const { number: _, ...rest } = pull
    const review = { ...rest, action: 'submitted', review: { id: 1, state: 'approved', commit_id: B } }
    expect(parse('pull_request_review', review)).toMatchObject({ iid: 7, action: 'review submitted: approved' })
    expect(because(parse('pull_request', review))).toContain('the header says pull_request')
    const remark = { ...review, comment: {}, number: 7 }
    expect(because(parse('pull_request', remark))).toContain('the header says pull_request')
  })
})

describe('what is no event', () => {
  it.each([
    ['nothing', '', /not JSON/],
    ['a form', 'payload=%7B%7D', /application\/json/],
    ['a list', '[]', /the header says push, but the body is none/],
    ['null', 'null', /not a JSON object/],
    ['a text', '"push"', /not a JSON object/],
    ['JSON nested without end', `${'['.repeat(200_000)}`, /not JSON/],
    ['a mark before the JSON', `\ufeff${JSON.stringify(push)}`, /not JSON/],
  ])('%s', (_what, body, reason) => {
    expect(because(parse('push', body))).toMatch(reason)
  })

  it('a body that is no UTF-8', () => {
    const body = Buffer.from(JSON.stringify(push).replace('develop', 'd\u00e9velop'), 'latin1')
    expect(because(githubIntake.parse({ 'x-github-event': 'push' }, body))).toMatch(/not JSON in UTF-8/)
  })

  it('an event without a name, or with one that lives elsewhere', () => {
    expect(because(githubIntake.parse({}, Buffer.from('{}')))).toBe('the header X-GitHub-Event is missing')
    for (const name of ['constructor', '__proto__', 'toString', 'star'])
      expect(because(parse(name, push))).toBe(`an event that makes no run: ${name}`)
  })
})

it("GitHub's own types fit what is read", () => {
  expectTypeOf<EmitterWebhookEvent<'push'>['payload']['repository']>().toExtend<z.input<typeof Push>['repository']>()
  type Opened = EmitterWebhookEvent<'pull_request.opened'>['payload']
  expectTypeOf<Opened['pull_request']>().toExtend<z.input<typeof PullRequest>['pull_request']>()
  type Review = EmitterWebhookEvent<'pull_request_review.submitted'>['payload']
  expectTypeOf<Pick<Review, 'action' | 'review' | 'pull_request'>>().toExtend<
    Pick<z.input<typeof PullRequest>, 'action' | 'review' | 'pull_request'>
  >()
})
