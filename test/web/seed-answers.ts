// A project whose production takes an owner and somebody of operations with a passkey: promotions in every state of being answered.
import { createAccount } from '../../app/_server/accounts'
import type { Signer } from '../../audit/certificate'
import type { Trust } from '../../audit/trust'
import type { SoftPasskey } from '../../demo/passkey'
import { answer, prepareStatement } from '../../environments/sign-off'
import type { Decision } from '../../environments/statement'
import type { RecordHandle } from '../../prisma/client'
import { type Person, SHIPLOCK } from '../../prisma/record'
import { enrolled } from '../passkeys'
import { PASSWORD } from './seed'
import { seedAnswer } from './seed-approvals'
import { agree } from './seed-flow'
import { OTTO } from './seed-flow-stories'
import { digestOf, hex } from './seed-runs'

const HOUR = 3_600_000
/** Ids of their own, far from those of the other stories. */
export const LEDGER = { project: 40, production: 401, frozen: 402 } as const
export const FREEZE_REASON = 'the books of the year are closed'
export const GLASS_REASON = 'Payments stand still, and the on-call owner cannot be reached.'

export const STORIES = [
  'open',
  'half',
  'signed',
  'rejected',
  'own',
  'expired',
  'frozen',
  'overriding',
  'broken',
  'passkey',
  'withdrawn',
  'two tabs',
  'cancelled',
] as const
export type AnswerStory = (typeof STORIES)[number]
const FROZEN: ReadonlySet<AnswerStory> = new Set(['frozen', 'overriding', 'broken'])

export interface AnswerTown {
  record: RecordHandle
  signer: Signer
  trust: Trust
}

export interface Answering {
  promotions: Record<AnswerStory, number>
  /** A proposed change of the policy of production, by owen. */
  change: number
  keys: { olga: SoftPasskey; otto: SoftPasskey }
  people: Record<'owen' | 'olga' | 'otto' | 'mira', Person>
}

/** Beside the ordinary seed: it takes a record that has its accounts. Mira is of operations in this production alone. */
export async function seedAnswers({ record, signer, trust }: AnswerTown): Promise<Answering> {
  const now = new Date()
  await createPlaces(record, signer, now)
  await createAccount(record, { name: 'mira', password: PASSWORD, role: 'member' }, SHIPLOCK)
  const people = await readPeople(record)
  await record.db.membership.create({
    data: { accountId: people.mira.accountId, projectId: LEDGER.project, environment: 'production', role: 'ops' },
  })
  await record.db.checkpoint.create({ data: { size: 1, root: new Uint8Array(32), note: 'as a worker published it' } })
  const promotions = {} as Record<AnswerStory, number>
  for (const [at, story] of STORIES.entries()) promotions[story] = await createWaiting(record, story, at, now)
  // The rows have ids of our own: what is made from now on must not be given one of them.
  for (const table of ['Project', 'Environment', 'Run', 'Release', 'Promotion'])
    await record.pool.query(
      `SELECT setval(pg_get_serial_sequence('"${table}"', 'id'), (SELECT max(id) FROM "${table}"))`,
    )
  const keys = {
    olga: await enrolled(record, signer, people.olga.accountId, ['ops']),
    otto: await enrolled(record, signer, people.otto.accountId, ['ops']),
  }
  const say = (story: AnswerStory, by: Person, decision: Decision, reason: string, key?: SoftPasskey) =>
    give({ record, trust }, { promotionId: promotions[story], by, decision, reason, key })
  await say('half', people.owen, 'approve', 'Seen in prerelease for a day.')
  await say('signed', people.owen, 'approve', 'Read and understood.')
  await say('signed', people.olga, 'approve', 'On call until tomorrow noon.', keys.olga)
  await say('rejected', people.owen, 'reject', 'The rounding of interest is not settled with the auditors yet.')
  await seedAnswer(record, {
    promotionId: promotions.expired,
    by: 'owen',
    at: new Date(now.getTime() - 5 * HOUR),
    status: 'expired',
    because: 'it was not used within 4 hours',
    comment: 'Fine for the morning.',
  })
  await say('overriding', people.owen, 'override', 'The tax office has moved its deadline to tonight.', undefined)
  await say('broken', people.olga, 'break-glass', GLASS_REASON, keys.olga)
  return { promotions, change: await proposeChange(record, people.owen, now), keys, people }
}

async function readPeople(record: RecordHandle): Promise<Answering['people']> {
  const rows = await record.db.account.findMany({ where: { name: { in: ['owen', 'olga', 'otto', 'mira'] } } })
  return Object.fromEntries(
    rows.map(({ id, name, role }) => [name, { accountId: id, actor: `account:${id}`, actorName: name, role }]),
  ) as Answering['people']
}

/** A real answer, with the statement that the record makes of it. */
async function give(
  { record, trust }: Pick<AnswerTown, 'record' | 'trust'>,
  it: { promotionId: number; by: Person; decision: Decision; reason: string; key?: SoftPasskey | undefined },
) {
  const { promotionId, by, decision, reason, key } = it
  const made = await prepareStatement(record, { subject: { promotionId }, decision, reason }, by, trust)
  const asked = { rpId: trust.rpId, origin: trust.webOrigin, challenge: made.challenge }
  const assertion = key?.get(asked)
  await answer(record, { hash: made.hash, ...(assertion ? { assertion } : {}) }, by, trust)
}

async function createPlaces(record: RecordHandle, signer: Signer, now: Date) {
  await record.db.project.create({
    data: {
      id: LEDGER.project,
      forge: 'gitlab',
      forgeUrl: 'https://gitlab.harbour.example',
      forgeProjectId: 140,
      path: 'bank/ledger',
      name: 'ledger',
      status: 'connected',
      webUrl: 'https://gitlab.harbour.example/bank/ledger',
      cloneUrl: 'https://gitlab.harbour.example/bank/ledger.git',
      tokenSealed: Buffer.from('sealed'),
      hook: hex('bank/ledger', 24),
      hookSealed: Buffer.from('sealed'),
      createdBy: 'ann',
    },
  })
  const day = (ms: number) => new Date(now.getTime() + ms).toISOString().slice(0, 16).replace('T', ' ')
  const strict = [
    { role: 'owner', count: 1 },
    { role: 'ops', count: 1, passkey: 'required' },
  ]
  const places = [
    {
      id: LEDGER.frozen,
      name: 'settlement',
      // Of an override nobody is asked for a passkey here, so that a browser without one can try it.
      approvals: [
        { role: 'owner', count: 1 },
        { role: 'ops', count: 1 },
      ],
      freeze: [{ from: day(-10 * HOUR), to: day(30 * HOUR), reason: FREEZE_REASON }],
    },
    { id: LEDGER.production, name: 'production', approvals: strict, freeze: [] },
  ]
  for (const [at, { id, name, approvals, freeze }] of places.entries()) {
    const policy = {
      name,
      position: at + 1,
      target: { kind: 'docker' },
      start: 'on-signoff',
      approvals,
      freeze,
      remind: '1h',
    }
    const place = { id, projectId: LEDGER.project, name, policy }
    await record.db.environment.create({ data: { ...place, position: at + 1 } })
    await agree(record, signer, place)
  }
}

async function createWaiting(record: RecordHandle, story: AnswerStory, index: number, now: Date): Promise<number> {
  const id = 700 + index
  const at = new Date(now.getTime() - (STORIES.length - index) * HOUR)
  const branch = `release/7.${index}`
  const shared = {
    id,
    projectId: LEDGER.project,
    service: 'ledger',
    tree: hex(`tree ${id}`),
    commit: hex(`commit ${id}`),
  }
  const version = `7.${index}`
  await record.db.release.create({
    data: {
      ...shared,
      buildKey: hex('build ledger'),
      trust: 'release',
      digest: digestOf(id),
      image: `ledger:run-${id}`,
      version,
      tag: `V${version}_${at.toISOString().replace(/\D/g, '').slice(0, 12)}`,
      branch,
      bytes: 84_300_000n + BigInt(index) * 1_200_000n,
      plan: {
        deploy: { replicas: 2, ports: ['8090'] },
        config: {
          LOG_LEVEL: { default: 'info' },
          LEDGER_KEY: { secret: true, default: 'x' },
          ROUNDING: { default: 'half-even' },
        },
      },
      createdAt: at,
    },
  })
  await record.db.run.create({
    data: {
      ...shared,
      contentKey: hex(`ledger ${id}`),
      branch: 'master',
      branchKind: 'master',
      before: hex(`commit ${id - 1}`),
      title: `Merge branch '${branch}' into 'master'`,
      pusherId: story === 'own' ? OTTO : '7',
      pusherName: story === 'own' ? 'Otto Brandt' : 'Maya Lindqvist',
      status: 'succeeded',
      plan: { templated: false, problems: [] },
      goesTo: 'production',
      releaseId: id,
      movedOnAt: at,
      createdAt: at,
      startedAt: at,
      finishedAt: at,
      dueAt: at,
    },
  })
  await record.db.stage.create({
    data: {
      runId: id,
      name: 'unit',
      position: 1,
      status: 'succeeded',
      exitCode: 0,
      dueAt: at,
      startedAt: at,
      finishedAt: at,
      definition: { image: 'node:22', run: ['npm test'] },
      tests: {
        total: 318,
        passed: 316,
        failed: 0,
        errored: 0,
        skipped: 2,
        ms: 9_000,
        files: 2,
        dropped: 0,
        problems: [],
      },
    },
  })
  await record.db.mergeRequest.create({
    data: {
      projectId: LEDGER.project,
      iid: 30 + index,
      status: 'merged',
      title: `Release ${version}: interest is booked daily`,
      source: branch,
      target: 'master',
      sourceKind: 'release',
      targetKind: 'master',
      head: hex(`head ${id}`),
      authorId: '7',
      authorName: 'Maya Lindqvist',
      mergerId: '9',
      mergerName: 'Noor Haddad',
      approvals: [{ id: '9', name: 'Noor Haddad' }],
      mergeCommit: hex(`commit ${id}`),
      dueAt: null,
    },
  })
  await record.db.promotion.create({
    data: {
      id,
      environmentId: FROZEN.has(story) ? LEDGER.frozen : LEDGER.production,
      releaseId: id,
      runId: id,
      requestedBy: 'push by Noor Haddad',
      imageAsked: digestOf(id),
      range: { from: null, to: hex(`commit ${id}`), commits: [hex(`commit ${id}`)], more: false },
      createdAt: at,
      remindedAt: story === 'half' ? new Date(now.getTime() - HOUR / 2) : null,
      dueAt: at,
    },
  })
  return id
}

async function proposeChange(record: RecordHandle, author: Person, now: Date): Promise<number> {
  const { policy } = await record.db.environment.findUniqueOrThrow({ where: { id: LEDGER.production } })
  const { id } = await record.db.policyChange.create({
    data: {
      environmentId: LEDGER.production,
      baseVersion: 1,
      policy: { ...(policy as object), remind: '2h' },
      reason: 'People are reminded too often at night.',
      authorId: author.accountId,
      authorName: author.actorName,
      createdAt: new Date(now.getTime() - HOUR),
    },
    select: { id: true },
  })
  return id
}
