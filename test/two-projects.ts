// Two projects with one of everything in them, and everybody who could ask: for whatever must hold for each of them.
import { createHash, randomBytes } from 'node:crypto'
import { GRANTED, type Grant, ROLES, type Role, type Scope } from '../app/_server/permit'
import { COOKIE } from '../app/_server/session'
import type { RecordHandle } from '../prisma/client'
import { SHIPLOCK, tell, transaction } from '../prisma/record'

const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex')
const COMMIT = 'c'.repeat(40)
export const PLACES = ['test', 'production'] as const
export type PlaceName = (typeof PLACES)[number]

/** What lies in one environment. */
export interface Place {
  environment: number
  promotion: number
  policyChange: number
  approval: number
  /** Hash. */
  statement: string
}

export interface Seeded {
  project: number
  run: number
  release: number
  mergeRequest: number
  delivery: number
  artifact: number
  membership: number
  /** Of its first entry in the trail. */
  seq: number
  places: Record<PlaceName, Place>
}

/** One of everything. `mark` stands in every text that a list could show. */
export async function seedProject(record: RecordHandle, mark: string, by: number): Promise<Seeded> {
  const { db } = record
  const project = await db.project.create({
    data: {
      forge: 'gitlab',
      forgeUrl: 'https://gitlab.example.com',
      path: `harbour/${mark}`,
      name: mark,
      status: 'connected',
      tokenSealed: randomBytes(8),
      hook: `hook-${mark}-0123456789`,
      hookSealed: randomBytes(8),
      createdBy: 'shiplock',
    },
  })
  const projectId = project.id
  const release = await db.release.create({
    data: {
      projectId,
      service: mark,
      tree: 't'.repeat(40),
      buildKey: 'k',
      trust: 'release',
      digest: `sha256:${sha256(mark)}`,
      image: mark,
      version: '1.0',
      tag: `V1.0_2026112113${String(projectId).padStart(2, '0')}`,
      commit: COMMIT,
      branch: `release/${mark}`,
      plan: {},
    },
  })
  const run = await db.run.create({
    data: {
      projectId,
      contentKey: mark,
      service: mark,
      branch: `feature/${mark}`,
      branchKind: 'feature',
      commit: COMMIT,
      before: COMMIT,
      status: 'succeeded',
      title: mark,
      releaseId: release.id,
      stages: { create: [{ name: 'unit', position: 0, status: 'succeeded', definition: { kind: 'step', run: [] } }] },
    },
    include: { stages: true },
  })
  const artifact = await db.artifact.create({
    data: {
      stageId: run.stages[0]?.id ?? 0,
      epoch: 1,
      path: `${mark}.txt`,
      bytes: mark.length,
      sha256: sha256(mark),
      data: Buffer.from(mark),
    },
  })
  const mergeRequest = await db.mergeRequest.create({ data: { projectId, iid: 1, title: mark, source: mark } })
  const delivery = await db.delivery.create({
    data: {
      projectId,
      key: mark,
      event: 'push',
      decision: 'accepted',
      because: mark,
      bytes: 2,
      body: Buffer.from('{}'),
    },
  })
  const membership = await db.membership.create({ data: { accountId: by, projectId, role: 'viewer', grantedBy: mark } })
  await transaction(record, (tx) =>
    tell(tx, {
      kind: 'project.checked',
      subject: 'project',
      subjectId: projectId,
      projectId,
      by: SHIPLOCK,
      because: mark,
    }),
  )
  const { rows } = await record.pool.query<{ seq: string }>(
    'SELECT min(l.seq) AS seq FROM "AuditLeaf" l JOIN "AuditEntry" e ON e.id = l."entryId" WHERE e."projectId" = $1',
    [projectId],
  )
  const seq = Number(rows[0]?.seq)
  const place = (name: PlaceName, position: number) =>
    seedPlace(record, { mark, projectId, name, position, releaseId: release.id, runId: run.id, by })
  return {
    project: projectId,
    run: run.id,
    release: release.id,
    mergeRequest: mergeRequest.id,
    delivery: delivery.id,
    artifact: artifact.id,
    membership: membership.id,
    seq,
    places: { test: await place('test', 0), production: await place('production', 1) },
  }
}

interface In {
  mark: string
  projectId: number
  name: PlaceName
  position: number
  releaseId: number
  runId: number
  by: number
}

async function seedPlace({ db }: RecordHandle, at: In): Promise<Place> {
  const policy = {
    name: at.name,
    start: 'on-signoff',
    target: { kind: 'docker' },
    approvals: [{ role: 'ops', count: 1 }],
  }
  const environment = await db.environment.create({
    data: { projectId: at.projectId, name: at.name, position: at.position, policy, policyVersion: 1 },
  })
  const promotion = await db.promotion.create({
    data: {
      environmentId: environment.id,
      releaseId: at.releaseId,
      runId: at.runId,
      kind: 'by-hand',
      status: 'waiting',
      imageAsked: `sha256:${sha256(at.mark)}`,
      requestedBy: at.mark,
      reason: at.mark,
    },
  })
  const change = await db.policyChange.create({
    data: {
      environmentId: environment.id,
      baseVersion: 1,
      policy,
      reason: at.mark,
      authorId: at.by,
      authorName: at.mark,
    },
  })
  const bytes = Buffer.from(`${at.mark} ${at.name}`)
  const statement = await db.statement.create({
    data: {
      hash: sha256(bytes),
      promotionId: promotion.id,
      accountId: at.by,
      decision: 'approve',
      bytes,
      challenge: '',
      expiresAt: new Date(Date.now() + 3_600_000),
    },
  })
  const approval = await db.approval.create({
    data: {
      promotionId: promotion.id,
      accountId: at.by,
      accountName: at.mark,
      role: 'ops',
      statement: bytes,
      hash: sha256(`approval ${statement.hash}`),
      expiresAt: new Date(Date.now() + 3_600_000),
    },
  })
  return {
    environment: environment.id,
    promotion: promotion.id,
    policyChange: change.id,
    approval: approval.id,
    statement: statement.hash,
  }
}

/** Somebody who asks: their roles, and how they prove who they are. */
export interface Asker {
  name: string
  accountId: number
  role: Role
  grant: Pick<Grant, 'environment' | 'role'> | null
  /** Null: with a session. */
  scopes: readonly Scope[] | null
  headers: Record<string, string>
}

/** An account with this role, and perhaps a membership of a project, with a session or a token. */
export async function makeAsker(
  record: RecordHandle,
  name: string,
  role: Role,
  more: { grant?: Grant; scopes?: readonly Scope[] } = {},
): Promise<Asker> {
  const { grant = null, scopes = null } = more
  const account = await record.db.account.create({ data: { name, role, passwordHash: null } })
  if (grant) await record.db.membership.create({ data: { accountId: account.id, ...grant, grantedBy: 'test' } })
  const value = randomBytes(32).toString('base64url')
  const expiresAt = new Date(Date.now() + 3_600_000)
  const asker = { name, accountId: account.id, role, grant, scopes }
  if (scopes === null) {
    await record.db.session.create({ data: { hash: sha256(value), accountId: account.id, expiresAt } })
    return { ...asker, headers: { cookie: `${COOKIE}=${value}` } }
  }
  const hash = sha256(`slk_${value}`)
  await record.db.apiToken.create({ data: { accountId: account.id, name, hash, scopes: [...scopes], expiresAt } })
  return { ...asker, headers: { authorization: `Bearer slk_${value}` } }
}

/** Every role everywhere, every membership in the project and in its environment `test`, and tokens of every scope. */
export async function everybody(record: RecordHandle, projectId: number): Promise<Asker[]> {
  const askers: Asker[] = []
  for (const role of ROLES) askers.push(await makeAsker(record, role, role))
  for (const environment of ['', 'test'])
    for (const role of GRANTED) {
      const grant = { projectId, environment, role }
      askers.push(await makeAsker(record, `${role}-of-${environment || 'project'}`, 'member', { grant }))
    }
  for (const scopes of [[], ['read'], ['change'], ['approve'], ['admin']] as const)
    askers.push(await makeAsker(record, `token-of-admin-${scopes.join('') || 'without'}`, 'admin', { scopes }))
  const all = ['read', 'change', 'approve', 'admin'] as const
  askers.push(await makeAsker(record, 'token-of-ops', 'ops', { scopes: all }))
  const grant = { projectId, environment: 'test', role: 'ops' as const }
  askers.push(await makeAsker(record, 'token-of-ops-of-test', 'member', { grant, scopes: all }))
  return askers
}
