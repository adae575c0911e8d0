// A team's record as it looks on an ordinary afternoon: for the page tests, and for looking at the pages.
import { createAccount } from '../../app/_server/accounts'
import type { Signer } from '../../audit/certificate'
import type { RecordHandle } from '../../prisma/client'
import { SHIPLOCK } from '../../prisma/record'
import { observedAsRecorded } from '../observed'
import { createEnvironments, createFlow } from './seed-flow'
import { OTTO } from './seed-flow-stories'
import { createMergeRequests } from './seed-merge-requests'
import { createPromotion, createRun, createTrail, hex, projectOf } from './seed-runs'
import { STORIES } from './seed-stories'

export const PASSWORD = 'correct horse battery'
const MINUTE = 60_000

export interface Seeded {
  /** A run for each kind of story, the newest of its kind. */
  runs: Record<string, number>
  /** A promotion for each kind of story of the whole flow. */
  promotions: Record<string, number>
  /** The id of the running stage of the running run. */
  runningStage: number
}

/**
 * Fills an empty record; `empty`: with its accounts alone. Ids are given, so that the same seed is always the same record.
 * @param signer agrees to the policies of the environments, as a worker would
 */
export async function seed(record: RecordHandle, signer: Signer, options: { empty?: boolean } = {}): Promise<Seeded> {
  const now = new Date()
  await createAccounts(record)
  if (options.empty) return { runs: {}, promotions: {}, runningStage: 0 }
  await createProjects(record, signer, now)
  await record.db.worker.create({ data: { id: 'w1', startedAt: now, seenAt: new Date(now.getTime() + 86_400_000) } })
  const seeded: Seeded = { runs: {}, promotions: {}, runningStage: 0 }
  for (const [index, story] of STORIES.entries()) {
    const id = STORIES.length - index
    const at = new Date(now.getTime() - story.minutesAgo * MINUTE)
    seeded.runs[story.kind] ??= id
    await createRun(record, id, story, at, now)
    if (story.promotion) await createPromotion(record, id, story, at)
    await createTrail(record, id, story, at)
  }
  Object.assign(seeded, { promotions: await createFlow(record, now) })
  await createDeliveries(record, now)
  await createMergeRequests(record, now)
  await observedAsRecorded(record)
  const running = await record.db.stage.findFirst({
    where: { status: 'running', promotionId: null },
    select: { id: true },
  })
  seeded.runningStage = running?.id ?? 0
  return seeded
}

async function createAccounts(record: RecordHandle) {
  for (const [name, role] of [
    ['ann', 'admin'],
    ['dev', 'developer'],
    ['vera', 'viewer'],
    ['owen', 'owner'],
    ['olga', 'ops'],
    ['otto', 'ops'],
  ] as const)
    await createAccount(record, { name, password: PASSWORD, role }, SHIPLOCK)
  // Otto pushes hotfixes as well: nobody signs their own change.
  await record.db.account.update({ where: { name: 'otto' }, data: { forgeUserId: OTTO } })
}

async function createProjects(record: RecordHandle, signer: Signer, now: Date) {
  const sealed = Buffer.from('sealed')
  const forgeUrl = 'https://gitlab.harbour.example'
  const ok = (name: string, because: string) => ({ name, ok: true, because })
  const projects = [
    {
      id: 1,
      path: 'shop/checkout',
      status: 'connected',
      hookSigned: true,
      because: '',
      checks: [
        ok('token', 'it is valid until 2027-03-01 and has the scope api'),
        ok('project', 'shop/checkout, role Maintainer'),
        ok('branches', 'develop and main are there'),
        ok('webhook', 'it is registered for pushes, and was read back'),
      ],
    },
    {
      id: 2,
      path: 'shop/catalogue-api',
      status: 'connected',
      hookSigned: false,
      because: '',
      checks: [
        ok('token', 'it is valid until 2026-12-24 and has the scope api'),
        ok('project', 'shop/catalogue-api, role Maintainer'),
        ok('branches', 'develop and main are there'),
        ok('webhook', 'it is registered for pushes, and was read back'),
      ],
    },
    {
      id: 3,
      path: 'platform/notifications',
      status: 'broken',
      hookSigned: false,
      because: 'the access token ended on 2026-11-20',
      checks: [
        {
          name: 'token',
          ok: false,
          because: 'the forge answered 401: the token ended on 2026-11-20',
          remedy:
            'Make a new project access token (role Maintainer, scope api), and connect the repository again with it.',
        },
      ],
    },
  ]
  for (const p of projects) {
    await record.db.project.create({
      data: {
        ...p,
        forge: 'gitlab',
        forgeUrl,
        forgeProjectId: 100 + p.id,
        name: p.path.split('/')[1] ?? p.path,
        webUrl: `${forgeUrl}/${p.path}`,
        cloneUrl: `${forgeUrl}/${p.path}.git`,
        tokenSealed: sealed,
        hook: hex(p.path, 24),
        hookSealed: sealed,
        createdBy: 'ann',
        createdAt: new Date(now.getTime() - 40 * 86_400_000 + p.id * 3_600_000),
      },
    })
    if (p.status === 'connected') await createEnvironments(record, signer, p.id, now)
  }
}

export const IGNORED_BECAUSE =
  'branch experiment-redis was refused: Git-flow knows feature/*, develop, release/*, hotfix/* and master (or main)'

async function createDeliveries(record: RecordHandle, now: Date) {
  const odd = [
    { decision: 'ignored', because: IGNORED_BECAUSE, event: 'Push Hook' },
    { decision: 'ignored', because: 'branch feature/old-coupon-page was deleted', event: 'Push Hook' },
    { decision: 'duplicate', because: 'this delivery came before, and made run #58', event: 'Push Hook' },
    { decision: 'ignored', because: 'a tag push starts nothing', event: 'Tag Push Hook' },
  ]
  const accepted = STORIES.map((story, index) => ({ story, runId: STORIES.length - index })).map(
    ({ story, runId }) => ({
      at: story.minutesAgo,
      projectId: projectOf(story.service),
      decision: 'accepted',
      because: `a push to ${story.branch} by ${story.pusher}`,
      event: 'Push Hook',
      runId: runId as number | null,
    }),
  )
  const all = [...accepted, ...odd.map((o, i) => ({ ...o, at: 2 + i * 37, projectId: 1 + (i % 2), runId: null }))].sort(
    (a, b) => b.at - a.at,
  )
  await record.db.delivery.createMany({
    data: all.map(({ at, ...d }, i) => ({
      ...d,
      key: `delivery ${i}`,
      bytes: 2_400 + ((i * 977) % 9_000),
      body: Buffer.from('{}'),
      receivedAt: new Date(now.getTime() - at * MINUTE),
    })),
  })
}
