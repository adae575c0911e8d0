// Three environments for each project, and what went through them.
import type { Signer } from '../../audit/certificate'
import { putIntoForce } from '../../environments/agree-policy'
import { GATE_NAMES } from '../../environments/gate'
import type { RecordHandle } from '../../prisma/client'
import { transaction } from '../../prisma/record'
import { seedAnswer } from './seed-approvals'
import {
  CATALOGUE,
  CHECKOUT,
  type FlowPromotion,
  type FlowRun,
  type FlowStory,
  REFUSED_REASON,
  ROLLBACK_REASON,
} from './seed-flow-stories'
import { shortLog } from './seed-logs'
import { digestOf, hex, plannedAs, writeLog } from './seed-runs'

const HOUR = 3_600_000
const NAMES = ['test', 'prerelease', 'production'] as const

/** The first environment has its project's id, as it had when it was the only one. */
const environmentId = (project: number, name: string) =>
  name === 'test' ? project : project * 10 + NAMES.indexOf(name as 'test')
const dayOf = (at: Date) => `${at.toISOString().slice(0, 10)} ${at.toISOString().slice(11, 16)}`

/** As environments/*.yaml have them; the second project's production is frozen over these days. */
export async function createEnvironments(record: RecordHandle, signer: Signer, project: number, now: Date) {
  const freeze = [
    {
      from: dayOf(new Date(now.getTime() - 20 * HOUR)),
      to: dayOf(new Date(now.getTime() + 43 * HOUR)),
      reason: 'stocktaking: the shop must not change',
    },
  ]
  const policies = {
    test: { start: 'automatic' },
    prerelease: { start: 'automatic', verify: ['functional', 'stress'], on_verify_failed: 'rollback' },
    production: {
      start: 'on-signoff',
      after: 'prerelease',
      approvals: [{ role: 'ops', count: 1 }],
      ...(project === 2 ? { freeze } : {}),
    },
  }
  for (const [at, name] of NAMES.entries()) {
    const policy = { name, position: at + 1, target: { kind: 'docker' }, ...policies[name] }
    const place = { id: environmentId(project, name), projectId: project, name, policy }
    await record.db.environment.create({ data: { ...place, position: at + 1 } })
    await agree(record, signer, place)
  }
}

/** As a worker agrees to what an environment begins with. */
export const agree = (
  record: RecordHandle,
  signer: Signer,
  place: { id: number; projectId: number; name: string; policy: object },
) =>
  transaction(record, (tx) =>
    putIntoForce({ signer, worker: 'w1' }, tx, place, {
      version: 1,
      policy: place.policy,
      because: 'as the environment began',
      authorId: null,
      authorName: 'Shiplock',
      changeId: null,
    }),
  )

interface Ids {
  runs: Map<string, number>
  releases: Map<string, number>
  promotions: Map<string, number>
}

/** @returns ids of promotions, by the kind of their story */
export async function createFlow(record: RecordHandle, now: Date): Promise<Record<string, number>> {
  const all: Record<string, number> = {}
  let next = 100
  for (const story of [CHECKOUT, CATALOGUE]) {
    const ids: Ids = { runs: new Map(), releases: new Map(), promotions: new Map() }
    for (const run of story.runs) {
      const id = ++next
      ids.runs.set(run.kind, id)
      ids.releases.set(run.kind, run.adopts === undefined ? id : (ids.releases.get(run.adopts) ?? 0))
      await createFlowRun(record, story, run, id, ids, now)
    }
    for (const promotion of story.promotions) {
      const id = ++next
      ids.promotions.set(promotion.kind, id)
      await createFlowPromotion(record, story, promotion, id, ids, now)
    }
    await createAftermath(record, story, ids, now)
    Object.assign(all, Object.fromEntries(ids.promotions))
  }
  // The rows have ids of our own: what is made from now on must not be given one of them.
  for (const table of ['Project', 'Environment', 'Run', 'Stage', 'Release', 'Promotion'])
    await record.pool.query(
      `SELECT setval(pg_get_serial_sequence('"${table}"', 'id'), (SELECT max(id) FROM "${table}"))`,
    )
  return all
}

const tagOf = (kind: string, at: Date) => `V${kind}_${at.toISOString().replace(/\D/g, '').slice(0, 12)}`
const TESTS = {
  total: 214,
  passed: 212,
  failed: 0,
  errored: 0,
  skipped: 2,
  ms: 18_400,
  files: 3,
  dropped: 0,
  problems: [],
}

async function createFlowRun(record: RecordHandle, story: FlowStory, run: FlowRun, id: number, ids: Ids, now: Date) {
  const at = new Date(now.getTime() - run.hoursAgo * HOUR)
  const releaseId = ids.releases.get(run.kind) ?? 0
  if (run.adopts === undefined)
    await record.db.release.create({
      data: {
        id,
        projectId: story.project,
        service: story.service,
        tree: hex(`tree ${id}`),
        buildKey: hex(`build ${story.service}`),
        trust: 'release',
        digest: digestOf(id),
        image: `${story.service}:run-${id}`,
        version: run.kind,
        tag: tagOf(run.kind, at),
        commit: hex(`commit ${id}`),
        branch: run.branch,
        bases: [{ image: 'node:22', digest: digestOf(9_000) }],
        plan: {
          deploy: { replicas: run.kind === '2.4.1' ? 3 : 2, ports: ['8085'] },
          config: {
            LOG_LEVEL: { enum: ['debug', 'info'], default: id % 2 === 0 ? 'info' : 'debug' },
            ...(run.kind === '2.4.1' ? { CARD_TIMEOUT: { default: '4s' } } : {}),
          },
        },
        createdAt: new Date(at.getTime() + 3 * 60_000),
        ...(run.kind === '1.9'
          ? { refusedAt: new Date(now.getTime() - 18 * HOUR), refusedBy: 'olga', refusedBecause: REFUSED_REASON }
          : {}),
      },
    })
  await record.db.run.create({
    data: {
      id,
      projectId: story.project,
      contentKey: hex(`flow ${id}`),
      service: story.service,
      branch: run.branch,
      branchKind: run.branch.split('/')[0] ?? '',
      ...plannedAs(run.branch, 'succeeded'),
      commit: hex(`commit ${id}`),
      before: hex(`commit ${id - 1}`),
      tree: hex(`tree ${releaseId}`),
      title: run.title,
      pusherId: run.pusherId ?? '7',
      pusherName: run.pusher,
      status: 'succeeded',
      plan: { templated: false, problems: [] },
      goesTo: run.branch === 'master' ? 'production' : 'prerelease',
      releaseId,
      movedOnAt: at,
      createdAt: at,
      startedAt: at,
      finishedAt: new Date(at.getTime() + 3 * 60_000),
      dueAt: at,
    },
  })
  const stages = run.adopts === undefined ? ['static', 'build', 'unit', 'component'] : ['build']
  for (const [position, name] of stages.entries())
    await record.db.stage.create({
      data: {
        runId: id,
        name,
        position,
        status: run.adopts === undefined ? 'succeeded' : 'skipped',
        because: run.adopts === undefined ? '' : `release #${releaseId} of the same tree is taken over`,
        exitCode: run.adopts === undefined ? 0 : null,
        epoch: 1,
        attempts: 1,
        digest: name === 'build' ? digestOf(releaseId) : null,
        startedAt: run.adopts === undefined ? new Date(at.getTime() + position * 40_000) : null,
        finishedAt: run.adopts === undefined ? new Date(at.getTime() + position * 40_000 + 38_000) : null,
        dueAt: at,
        definition: { image: 'node:22', run: [`npm run test:${name}`] },
        ...(name === 'unit' || name === 'component' ? { tests: TESTS } : {}),
      },
    })
}

async function createFlowPromotion(
  record: RecordHandle,
  story: FlowStory,
  promotion: FlowPromotion,
  id: number,
  ids: Ids,
  now: Date,
) {
  const at = new Date(now.getTime() - promotion.hoursAgo * HOUR)
  const releaseId = ids.releases.get(promotion.run) ?? 0
  const runId = ids.runs.get(promotion.run) ?? 0
  const run = story.runs.find((r) => r.kind === promotion.run)
  const deployed = ['verified', 'verifying', 'failed'].includes(promotion.status)
  const ended = ['verified', 'failed'].includes(promotion.status) ? new Date(at.getTime() + 200_000) : null
  await record.db.promotion.create({
    data: {
      id,
      environmentId: environmentId(story.project, promotion.environment),
      releaseId,
      runId,
      kind: promotion.how ?? 'onward',
      reason: promotion.reason ?? '',
      insteadOf: promotion.insteadOf === undefined ? null : (ids.promotions.get(promotion.insteadOf) ?? null),
      status: promotion.status,
      because: promotion.because ?? '',
      verdicts: verdictsOf(promotion, at),
      requestedBy: promotion.by ?? `push by ${run?.pusher}`,
      attempts: promotion.status === 'errored' ? 5 : 1,
      epoch: 1,
      // Who had a hand in it is known.
      range: { from: null, to: hex(`commit ${releaseId}`), commits: [hex(`commit ${releaseId}`)], more: false },
      imageAsked: digestOf(releaseId),
      observed: deployed ? digestOf(releaseId) : null,
      url: deployed ? `http://127.0.0.1:${19_000 + id}` : null,
      createdAt: at,
      startedAt: promotion.status === 'waiting' ? null : at,
      deployedAt: deployed ? new Date(at.getTime() + 20_000) : null,
      verifiedAt: promotion.status === 'verified' ? ended : null,
      finishedAt: promotion.status === 'errored' ? new Date(at.getTime() + 60_000) : ended,
      dueAt: at,
      ...(deployed
        ? { forgeDeployment: 4_000 + id, forgeState: promotion.status === 'failed' ? 'failed' : 'success' }
        : {}),
    },
  })
  if (promotion.signed)
    await seedAnswer(record, {
      promotionId: id,
      ...promotion.signed,
      at,
      status: promotion.status === 'waiting' ? 'given' : 'used',
    })
  for (const [position, [name, status, because]] of (promotion.verification ?? []).entries())
    await createVerification(record, { id, runId, at, position, name, status, because, now })
  await createEntries(record, story.project, { id, runId, at, promotion })
}

/** As they were judged last, which is all that the board and the lists show. */
function verdictsOf(promotion: FlowPromotion, at: Date) {
  const closed = promotion.status === 'waiting' ? CLOSED[promotion.kind]?.(at.toISOString()) : undefined
  return GATE_NAMES.map(
    (gate) =>
      closed?.find((v) => v.gate === gate) ?? {
        gate,
        state: 'open',
        because: OPEN[gate] ?? 'nothing stands against it',
      },
  )
}

const OPEN: Record<string, string> = {
  environment: 'it is there',
  'service file': 'there is a valid .shiplock.yaml',
  configuration: 'nothing required is missing',
  order: 'nothing newer is there',
  hold: 'there is no hold',
  target: 'it answers',
}

const CLOSED: Record<
  string,
  (since: string) => { gate: string; state: string; because: string; who: string; since: string }[]
> = {
  'to sign': (since) => [
    {
      gate: 'hold',
      state: 'waiting',
      because: `production is held by olga: rolled back to 2.3: ${ROLLBACK_REASON}`,
      who: 'operations (role ops): release the hold',
      since,
    },
    SIGN(since),
  ],
  'many gates': (since) => [
    {
      gate: 'debt',
      state: 'waiting',
      because: 'hotfix/1.8.1 must come back to develop first',
      who: 'an owner: merge it back',
      since,
    },
    SIGN(since),
  ],
}

const SIGN = (since: string) => ({
  gate: 'approvals',
  state: 'waiting',
  because: '1 of 1 from ops still to approve',
  who: 'operations (role ops)',
  since,
})

interface Verification {
  id: number
  runId: number
  at: Date
  position: number
  name: string
  status: string
  because: string
  now: Date
}

async function createVerification(record: RecordHandle, v: Verification) {
  const began =
    v.status === 'pending' || v.status === 'skipped' ? null : new Date(v.at.getTime() + 25_000 + v.position * 60_000)
  const running = v.status === 'running'
  const stage = await record.db.stage.create({
    data: {
      runId: v.runId,
      promotionId: v.id,
      round: 1,
      name: v.name,
      position: v.position,
      status: v.status,
      because: v.because,
      exitCode: v.status === 'succeeded' ? 0 : v.status === 'failed' ? 1 : null,
      epoch: 1,
      attempts: began ? 1 : 0,
      startedAt: running ? new Date(v.now.getTime() - 33_000) : began,
      finishedAt: began && !running ? new Date(began.getTime() + 52_000) : null,
      dueAt: v.at,
      definition: { image: 'node:22', run: [`npm run test:${v.name}`] },
    },
    select: { id: true },
  })
  if (began) await writeLog(record, stage.id, shortLog(v.name))
}

async function createEntries(
  record: RecordHandle,
  projectId: number,
  { id, runId, at, promotion }: { id: number; runId: number; at: Date; promotion: FlowPromotion },
) {
  const worker = { actor: 'worker:w1', actorName: 'worker w1' }
  const entries = [
    { kind: 'promotion.request', ...worker, because: promotion.reason ?? `${promotion.environment} follows by itself` },
    ...(promotion.signed
      ? [
          {
            kind: 'promotion.approve',
            actor: 'account:5',
            actorName: promotion.signed.by,
            because: promotion.signed.comment,
          },
        ]
      : []),
    ...(promotion.status === 'waiting' ? [] : [{ kind: 'promotion.claim', ...worker, because: '' }]),
    ...(promotion.status === 'verified'
      ? [{ kind: 'promotion.pass', ...worker, because: 'every stage succeeded' }]
      : []),
  ]
  await record.db.auditEntry.createMany({
    data: entries.map((entry, i) => ({
      ...entry,
      at: new Date(at.getTime() + i * 12_000),
      projectId,
      subject: 'promotion',
      subjectId: id,
      runId,
      data: { name: promotion.environment },
    })),
  })
}

/** The hold after the rollback, the tags on master, and what has to come back to develop. */
async function createAftermath(record: RecordHandle, story: FlowStory, ids: Ids, now: Date) {
  if (story.project === 1)
    await record.db.environment.update({
      where: { id: environmentId(1, 'production') },
      data: {
        heldAt: new Date(now.getTime() - 5 * HOUR),
        heldBy: 'olga',
        heldBecause: `rolled back to 2.3: ${ROLLBACK_REASON}`,
        heldFor: { promotion: ids.promotions.get('rollback') ?? 0, tag: '2.3', reason: ROLLBACK_REASON, phase: 'done' },
      },
    })
  for (const run of story.runs.filter((r) => r.branch === 'master')) {
    const id = ids.runs.get(run.kind) ?? 0
    const at = new Date(now.getTime() - run.hoursAgo * HOUR)
    await record.db.tag.create({
      data: {
        projectId: story.project,
        name: tagOf(run.kind.replace(' master', ''), at),
        commit: hex(`commit ${id}`),
        runId: id,
        releaseId: ids.releases.get(run.kind) ?? null,
        status: 'made',
        by: 'Shiplock',
        createdAt: at,
        dueAt: at,
      },
    })
  }
  for (const promotion of story.promotions.filter(
    (p) => p.environment === 'production' && p.status === 'verified' && p.how === undefined,
  )) {
    const hotfix = promotion.kind.startsWith('1.8.1')
    const releaseId = ids.releases.get(promotion.run) ?? 0
    const release = await record.db.release.findUniqueOrThrow({
      where: { id: releaseId },
      select: { branch: true, commit: true },
    })
    await record.db.backMerge.create({
      data: {
        projectId: story.project,
        releaseId,
        promotionId: ids.promotions.get(promotion.kind) ?? 0,
        source: release.branch,
        target: 'develop',
        commit: release.commit,
        hotfix,
        status: hotfix ? 'opened' : 'merged',
        iid: 80 + releaseId,
        url: `https://gitlab.harbour.example/shop/${story.service}/-/merge_requests/${80 + releaseId}`,
        createdAt: new Date(now.getTime() - promotion.hoursAgo * HOUR),
        finishedAt: hotfix ? null : new Date(now.getTime() - (promotion.hoursAgo - 1) * HOUR),
      },
    })
  }
}
