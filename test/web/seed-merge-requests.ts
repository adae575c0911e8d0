// What wants to be merged, with the runs of the heads, what was asked for here, and the deliveries that told of it.
import { createHash } from 'node:crypto'
import type { RecordHandle } from '../../prisma/client'
import { shortLog } from './seed-logs'
import { hex, writeLog } from './seed-runs'

const MINUTE = 60_000

/** Ids by the kind of the story. */
export const MERGE_REQUESTS = {
  ready: 1,
  'wrong pair': 2,
  fork: 3,
  'to master': 4,
  merged: 5,
  draft: 6,
  own: 7,
  failing: 8,
} as const
type Kind = keyof typeof MERGE_REQUESTS

const RUNS = { ready: 901, failing: 902, fork: 903, own: 904 } as const
/** Owen's number on the forge. */
const OWEN = '31'

export const headOf = (kind: Kind) => hex(`head of ${kind}`)
export const MOVED = `the head has moved on: ${hex('older head').slice(0, 8)} was seen, and ${headOf('ready').slice(0, 8)} is there now`
export const PAIR_BECAUSE = 'a feature branch is merged into develop, not into master'
export const FAILED_OUTPUT = `AssertionError: expected 1999 to be 2000
    at applyCoupon (src/coupons.ts:41:12)
    at Object.<anonymous> (test/coupons.test.ts:18:5)
The total before was 19.99, the coupon takes 0.01 away.`
/** A delivery whose body is a push that can be judged again, and one that was about a merge request. */
export const DELIVERIES = { push: 900, mergeRequest: 901, forgotten: 902 } as const

/** Called once everything else is there. */
export async function createMergeRequests(record: RecordHandle, now: Date) {
  await record.db.account.update({ where: { name: 'owen' }, data: { forgeUserId: OWEN } })
  await record.db.project.update({
    where: { id: 1 },
    data: { reconciledAt: new Date(now.getTime() - 2 * MINUTE), checks: CHECKS },
  })
  const release = await record.db.run.findFirstOrThrow({
    where: { projectId: 1, branchKind: 'release' },
    select: { commit: true, branch: true },
    orderBy: { id: 'desc' },
  })
  for (const story of STORIES)
    await createMergeRequest(record, story, now, story.kind === 'to master' ? release : undefined)
  for (const [kind, id] of Object.entries(RUNS)) await createHeadRun(record, kind as keyof typeof RUNS, id, now)
  await createActions(record, now)
  await createDeliveries(record, now)
  for (const table of ['Run', 'MergeRequest', 'Delivery'])
    await record.pool.query(
      `SELECT setval(pg_get_serial_sequence('"${table}"', 'id'), (SELECT max(id) FROM "${table}"))`,
    )
}

interface Story {
  kind: Kind
  title: string
  source: string
  target: string
  author: { id: string; name: string }
  minutesAgo: number
  project?: number
  status?: string
  draft?: boolean
  mergeable?: string
  pair?: { ok: boolean; because: string }
}

const MAYA = { id: '7', name: 'Maya Lindqvist' }
const AISHA = { id: '12', name: 'Aisha Khan' }
const STORIES: readonly Story[] = [
  {
    kind: 'ready',
    title: 'Gift cards that may be given away',
    source: 'feature/SHOP-431-gift-cards',
    target: 'develop',
    author: AISHA,
    minutesAgo: 34,
  },
  {
    kind: 'wrong pair',
    title: 'Quick change of the footer',
    source: 'feature/SHOP-440-footer',
    target: 'master',
    author: MAYA,
    minutesAgo: 51,
    pair: { ok: false, because: PAIR_BECAUSE },
  },
  {
    kind: 'fork',
    title: 'Prices in Swiss francs',
    source: 'feature/swiss-francs',
    target: 'develop',
    author: { id: '9001', name: 'Jonas Keller' },
    minutesAgo: 75,
  },
  {
    kind: 'to master',
    title: 'Release 2.5: gift cards',
    source: 'release/2.5',
    target: 'master',
    author: AISHA,
    minutesAgo: 40,
    pair: { ok: true, because: 'a release branch may be merged into master' },
  },
  {
    kind: 'merged',
    title: 'Round prices once, at the end',
    source: 'feature/SHOP-388-rounding',
    target: 'develop',
    author: MAYA,
    minutesAgo: 1500,
    status: 'merged',
  },
  {
    kind: 'draft',
    title: '商品搜索支持拼音首字母（第二步）',
    source: 'feature/CAT-95-pinyin',
    target: 'develop',
    author: { id: '15', name: '王芳' },
    minutesAgo: 200,
    project: 2,
    draft: true,
    mergeable: 'conflict: the branches cannot be merged',
  },
  {
    kind: 'own',
    title: 'Faster look-up of stock',
    source: 'feature/SHOP-437-stock',
    target: 'develop',
    author: { id: OWEN, name: 'Owen Price' },
    minutesAgo: 120,
  },
  {
    kind: 'failing',
    title: 'Coupons that count cents',
    source: 'feature/SHOP-433-coupons',
    target: 'develop',
    author: MAYA,
    minutesAgo: 22,
  },
]

async function createMergeRequest(
  record: RecordHandle,
  story: Story,
  now: Date,
  head?: { commit: string; branch: string },
) {
  const id = MERGE_REQUESTS[story.kind]
  const projectId = story.project ?? 1
  const fork = story.kind === 'fork'
  const merged = story.status === 'merged'
  const path = projectId === 1 ? 'shop/checkout' : 'shop/catalogue-api'
  const source = head?.branch ?? story.source
  await record.db.mergeRequest.create({
    data: {
      id,
      projectId,
      iid: 200 + id,
      status: story.status ?? 'opened',
      because: merged ? 'merged by Owen Price' : '',
      title: story.title,
      source,
      target: story.target,
      sourceKind: fork ? 'fork' : (source.split('/')[0] ?? 'other'),
      targetKind: story.target,
      fork,
      sourcePath: fork ? 'jonas/checkout' : path,
      head: head?.commit ?? headOf(story.kind),
      draft: story.draft ?? false,
      authorId: story.author.id,
      authorName: story.author.name,
      mergerId: merged ? OWEN : '',
      mergerName: merged ? 'Owen Price' : '',
      webUrl: `https://gitlab.harbour.example/${path}/-/merge_requests/${200 + id}`,
      mergeable: merged ? '' : (story.mergeable ?? 'mergeable'),
      pairOk: story.pair?.ok ?? true,
      pairBecause: story.pair?.because ?? 'a feature branch may be merged into develop',
      approvals: story.kind === 'ready' ? [{ id: '12', name: 'Noor Haddad' }] : [],
      mergeCommit: merged ? hex('the merge of it') : null,
      createdAt: new Date(now.getTime() - story.minutesAgo * MINUTE),
      syncedAt: new Date(now.getTime() - MINUTE / 2),
      dueAt: null,
    },
  })
}

/** A service container, a cache and reports stand in the definition of the unit stage. */
const UNIT = {
  kind: 'step',
  image: 'node:22',
  run: ['npm ci', 'npm test'],
  env: {},
  services: [{ name: 'db', image: 'postgres:17', env: {}, command: null, healthcheck: null }],
  reports: ['reports/*.xml'],
  artifacts: ['coverage/**'],
  cache: ['/root/.npm'],
}

async function createHeadRun(record: RecordHandle, kind: keyof typeof RUNS, id: number, now: Date) {
  const story = STORIES.find((s) => s.kind === kind)
  if (story === undefined) throw new Error(`no story is called ${kind}`)
  const at = new Date(now.getTime() - story.minutesAgo * MINUTE)
  const fork = kind === 'fork'
  const failed = kind === 'failing'
  await record.db.run.create({
    data: {
      id,
      projectId: 1,
      contentKey: hex(`key ${id}`),
      service: 'checkout',
      branch: story.source,
      branchKind: fork ? 'fork' : 'feature',
      origin: fork ? 'merge-request' : failed ? 'reconcile' : 'push',
      mergeRequestId: fork ? MERGE_REQUESTS.fork : null,
      definitionCommit: fork ? hex('develop now') : null,
      commit: headOf(kind),
      before: hex(`before ${id}`),
      title: story.title,
      pusherId: story.author.id,
      pusherName: story.author.name,
      status: fork ? 'held' : failed ? 'failed' : 'succeeded',
      because: failed ? 'unit: 2 of 58 tests did not pass' : '',
      plan: { templated: false, problems: [] },
      createdAt: at,
      startedAt: fork ? null : new Date(at.getTime() + 700),
      finishedAt: fork ? null : new Date(at.getTime() + 66_000),
      dueAt: at,
    },
  })
  await record.db.auditEntry.create({
    data: {
      kind: 'run.accept',
      actor: `forge:${story.author.id}`,
      actorName: story.author.name,
      projectId: 1,
      subject: 'run',
      subjectId: id,
      runId: id,
      because: `push to ${story.source}`,
      at,
    },
  })
  if (!fork) await createStages(record, id, at, failed)
}

async function createStages(record: RecordHandle, runId: number, at: Date, failed: boolean) {
  for (const [position, name] of ['static', 'unit'].entries()) {
    const bad = failed && name === 'unit'
    const stage = await record.db.stage.create({
      data: {
        runId,
        name,
        position,
        status: bad ? 'failed' : 'succeeded',
        because: bad ? '`npm test` exited 1' : '',
        definition: name === 'unit' ? UNIT : { kind: 'step', image: 'node:22', run: ['npm run lint'] },
        exitCode: bad ? 1 : 0,
        attempts: 1,
        epoch: 1,
        startedAt: new Date(at.getTime() + 900 + position * 9_000),
        finishedAt: new Date(at.getTime() + 9_900 + position * 54_000),
        dueAt: at,
        ...(name === 'unit' ? { tests: summaryOf(bad) } : {}),
      },
      select: { id: true },
    })
    await writeLog(record, stage.id, shortLog(name))
    if (name === 'unit') await createResults(record, stage.id, bad)
  }
}

const TOTAL = 58
const summaryOf = (bad: boolean) => ({
  total: TOTAL,
  passed: bad ? 55 : 57,
  failed: bad ? 1 : 0,
  errored: bad ? 1 : 0,
  skipped: 1,
  ms: 18_400,
  files: 3,
  dropped: 0,
  problems: bad ? ['reports/broken.xml, line 12: the element <testcase> is not closed'] : [],
})

async function createResults(record: RecordHandle, stageId: number, bad: boolean) {
  const suites = ['basket', 'coupons', 'payment']
  const cases = Array.from({ length: TOTAL }, (_, position) => {
    const suite = suites[position % suites.length] ?? ''
    const base = { stageId, epoch: 1, position, suite, name: `${suite} case ${position}`, ms: 12 + position * 7 }
    if (position === 3) return { ...base, status: 'skipped', message: 'not on this database' }
    if (!bad || (position !== 25 && position !== 28)) return { ...base, status: 'passed' }
    return position === 25
      ? {
          ...base,
          name: 'a coupon never takes more than the basket is worth',
          status: 'failed',
          message: 'expected 1999 to be 2000',
          output: FAILED_OUTPUT,
        }
      : { ...base, name: 'coupons of two shops', status: 'errored', message: 'connect ECONNREFUSED db:5432' }
  })
  await record.db.testCase.createMany({ data: cases })
  for (const path of ['coverage/index.html', 'coverage/lcov.info']) {
    const data = Buffer.from(`${path} of stage ${stageId}\n`.repeat(path.length * 40))
    await record.db.artifact.create({
      data: {
        stageId,
        epoch: 1,
        path,
        bytes: data.length,
        sha256: createHash('sha256').update(data).digest('hex'),
        data: new Uint8Array(data),
      },
    })
  }
}

async function createActions(record: RecordHandle, now: Date) {
  const { id: owen } = await record.db.account.findUniqueOrThrow({ where: { name: 'owen' }, select: { id: true } })
  const by = { projectId: 1, mergeRequestId: MERGE_REQUESTS.ready, accountId: owen, accountName: 'owen' }
  const at = (minutes: number) => new Date(now.getTime() - minutes * MINUTE)
  await record.db.mergeAction.createMany({
    data: [
      { ...by, kind: 'approve', head: hex('older head'), status: 'done', createdAt: at(30), finishedAt: at(30) },
      {
        ...by,
        kind: 'merge',
        head: hex('older head'),
        status: 'refused',
        because: MOVED,
        createdAt: at(28),
        finishedAt: at(28),
      },
    ],
  })
}

async function createDeliveries(record: RecordHandle, now: Date) {
  const push = {
    object_kind: 'push',
    event_name: 'push',
    before: hex('before replay'),
    after: hex('after replay'),
    ref: 'refs/heads/experiment-redis',
    user_id: 7,
    user_name: 'Maya Lindqvist',
    project_id: 101,
    project: { id: 101, name: 'checkout', path_with_namespace: 'shop/checkout', default_branch: 'master' },
    commits: [],
    total_commits_count: 0,
  }
  const about = (id: number, event: string, because: string, body: unknown) => ({
    id,
    projectId: 1,
    key: `told ${id}`,
    event,
    decision: id === DELIVERIES.push ? 'refused' : 'accepted',
    because,
    bytes: 2_000,
    body: body === null ? new Uint8Array() : new Uint8Array(Buffer.from(JSON.stringify(body))),
    receivedAt: new Date(now.getTime() - (DELIVERIES.forgotten - id + 1) * MINUTE),
  })
  await record.db.delivery.createMany({
    data: [
      about(DELIVERIES.push, 'Push Hook', 'the branch has no place in the flow', push),
      {
        ...about(DELIVERIES.mergeRequest, 'Merge Request Hook', 'merge request !201 was updated', {
          object_kind: 'merge_request',
        }),
        mergeRequestId: MERGE_REQUESTS.ready,
      },
      { ...about(DELIVERIES.forgotten, 'Push Hook', 'a push to develop', null), replayOf: DELIVERIES.push },
    ],
  })
}

const CHECKS = [
  { name: 'token', ok: true, because: 'it is valid until 2027-03-01 and has the scope api' },
  { name: 'project', ok: true, because: 'shop/checkout, role Maintainer' },
  {
    name: 'branches',
    ok: true,
    warning: true,
    because: 'develop and master are there; release/* is not protected',
    remedy:
      'In GitLab: Settings, Repository, Protected branches. Protect release/*, so that nobody forces a push to it.',
  },
  { name: 'webhook', ok: true, because: 'it is registered for pushes, tags and merge requests, and was read back' },
]
