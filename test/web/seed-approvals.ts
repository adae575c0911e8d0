// Answers of people, with statements as they are made for the real ones: only what was bound is taken from the rows as they are.
import { randomBytes } from 'node:crypto'
import { bytesOf, DEFAULT_EXPIRES_MS, type Decision, type Statement, statementHash } from '../../environments/statement'
import type { RecordHandle } from '../../prisma/client'
import { hex } from './seed-runs'

export interface SeededAnswer {
  promotionId: number
  by: string
  at: Date
  decision?: Decision
  comment?: string
  status?: 'given' | 'used' | 'withdrawn' | 'expired' | 'void'
  because?: string
  expiresAt?: Date
  review?: { dueAt: Date; at?: Date; by?: string; found?: string }
}

/** @returns the approval's id */
export async function seedAnswer(record: RecordHandle, answer: SeededAnswer): Promise<number> {
  const { promotionId, at, decision = 'approve', comment = '', status = 'given' } = answer
  const [account, origin] = await Promise.all([
    record.db.account.findUniqueOrThrow({
      where: { name: answer.by },
      select: { id: true, role: true, forgeUserId: true },
    }),
    record.db.installation.findUniqueOrThrow({ where: { id: 1 }, select: { origin: true } }),
  ])
  const expiresAt = answer.expiresAt ?? new Date(at.getTime() + DEFAULT_EXPIRES_MS)
  const statement: Statement = {
    v: 1,
    type: 'shiplock.signoff',
    origin: origin.origin,
    decision,
    reason: comment,
    bound: await boundOf(record, promotionId),
    approver: { account: account.id, forge: account.forgeUserId, role: account.role },
    checkpoint: null,
    nonce: randomBytes(32).toString('base64url'),
    iat: at.toISOString(),
    exp: expiresAt.toISOString(),
  }
  const bytes = bytesOf(statement)
  const { id } = await record.db.approval.create({
    data: {
      promotionId,
      accountId: account.id,
      accountName: answer.by,
      role: account.role,
      decision,
      comment,
      digest: statement.type === 'shiplock.signoff' ? statement.bound.digest : '',
      status,
      because: answer.because ?? '',
      statement: new Uint8Array(bytes),
      hash: statementHash(bytes),
      at,
      expiresAt,
      reviewDueAt: answer.review?.dueAt ?? null,
      reviewedAt: answer.review?.at ?? null,
      reviewerName: answer.review?.by ?? '',
      review: answer.review?.found ?? '',
    },
    select: { id: true },
  })
  return id
}

async function boundOf(record: RecordHandle, id: number) {
  const p = await record.db.promotion.findUniqueOrThrow({
    where: { id },
    include: { release: true, environment: { include: { project: true } } },
  })
  const { environment, release } = p
  return {
    project: { id: environment.project.id, path: environment.project.path },
    environment: { id: environment.id, name: environment.name },
    promotion: { id, kind: p.kind, ask: p.ask },
    release: { id: release.id, tag: release.tag, tree: release.tree },
    digest: release.digest,
    size: release.bytes === null ? null : Number(release.bytes),
    git: { repository: 100 + environment.project.id, commit: release.commit, branch: release.branch },
    build_sha256: hex(`build of ${release.id}`, 64),
    config_sha256: hex(`configuration of ${release.id}`, 64),
    tests_sha256: hex(`tests of ${release.id}`, 64),
    merge_requests: [],
    policy: { version: environment.policyVersion, sha256: hex(`policy of ${environment.id}`, 64) },
    previous_digest: null,
    excluded: { accounts: [], forge: [] },
  }
}
