// A release that went to production, signed off by two people: rows, entries and signatures as Shiplock writes them.
import { randomBytes } from 'node:crypto'
import { rawKey } from '../../audit/checkpoint'
import type { About } from '../../audit/export'
import type { SoftPasskey } from '../../demo/passkey'
import { APPROVAL } from '../../environments/approval'
import { PROMOTION } from '../../environments/promotion'
import { bytesOf, challengeOf, type Decision, type Statement, statementHash } from '../../environments/statement'
import { NOW, type Person, PLUS_ONE, record, type Tx, tell, transaction } from '../../prisma/record'
import { enrolled } from '../passkeys'
import type { GivenTrail } from './given-trail'

export const PAGE = 'http://localhost:8080'
export const DIGEST = `sha256:${'ab'.repeat(32)}`
const WORKER = { actor: 'worker:w1', actorName: 'worker w1' }

export const aboutOf = (trail: GivenTrail): About => ({
  origin: trail.origin,
  keys: [{ publicKey: rawKey(trail.publicKey).toString('base64'), from: 0 }],
  webOrigins: [PAGE],
})

export interface GivenRelease {
  releaseId: number
  promotionId: number
  environmentId: number
  people: Record<'noor' | 'omar', Person & { passkey: SoftPasskey }>
}

const one = async (tx: Tx, sql: string, values: unknown[]): Promise<number> => {
  const { rows } = await tx.query(`${sql} RETURNING id`, values)
  return (rows[0] as { id: number }).id
}

/** Everything up to the request for production; nobody has signed yet. The trail is signed at the end of it. */
export async function givenRelease(trail: GivenTrail): Promise<GivenRelease> {
  const { record: handle } = trail
  const made = await transaction(handle, async (tx) => {
    const account = (name: string, role: string, forge: string) =>
      one(tx, 'INSERT INTO "Account" (name, role, "forgeUserId") VALUES ($1, $2, $3)', [name, role, forge])
    const [noor, omar] = [await account('noor', 'owner', '71'), await account('omar', 'ops', '72')]
    const projectId = await one(
      tx,
      `INSERT INTO "Project" (forge, "forgeUrl", "forgeProjectId", path, name, "webUrl", status, "tokenSealed", hook, "hookSealed", "createdBy")
       VALUES ('gitlab', 'https://forge.example.com', 7, 'team/hello', 'hello', 'https://forge.example.com/team/hello', 'connected', '\\x00', 'hook-1', '\\x00', 'admin')`,
      [],
    )
    const policy = {
      name: 'production',
      position: 2,
      after: 'prerelease',
      start: 'on-signoff',
      target: { kind: 'docker' },
      approvals: [
        { role: 'owner', count: 1 },
        { role: 'ops', count: 1, passkey: 'required' },
      ],
      freeze: [],
      verify: [],
      on_verify_failed: 'rollback',
    }
    const environmentId = await one(
      tx,
      'INSERT INTO "Environment" ("projectId", name, position, policy, "policyVersion") VALUES ($1, $2, 2, $3, 1)',
      [projectId, 'production', JSON.stringify(policy)],
    )
    const releaseId = await one(
      tx,
      `INSERT INTO "Release" ("projectId", service, tree, "buildKey", digest, image, version, tag, "commit", branch, trust, plan, bases, "createdAt")
       VALUES ($1, 'hello', $2, 'key', $3, 'hello@sha256', '1.0', 'V1.0_202611210900', $4, 'release/1.0', 'release', $5, $6, '2026-11-21T09:00:00Z')`,
      [
        projectId,
        'a1'.repeat(20),
        DIGEST,
        'c1'.repeat(20),
        JSON.stringify({ deploy: { replicas: 2 }, config: {} }),
        JSON.stringify([{ image: 'node:22', digest: `sha256:${'cd'.repeat(32)}` }]),
      ],
    )
    const run = (branch: string, kind: string, commit: string, title: string) =>
      one(
        tx,
        `INSERT INTO "Run" ("projectId", "contentKey", service, branch, "branchKind", "commit", before, tree, title, "pusherId", "pusherName", status, "releaseId",
           "createdAt", "startedAt", "finishedAt")
         VALUES ($1, $2, 'hello', $3, $4, $5, '', $6, $7, '9', 'Mia Chen', 'succeeded', $8, '2026-11-21T08:58:00Z', '2026-11-21T08:58:01Z', '2026-11-21T09:00:00Z')`,
        [projectId, `${branch}${commit}`, branch, kind, commit, 'a1'.repeat(20), title, releaseId],
      )
    const built = await run('release/1.0', 'release', 'c1'.repeat(20), 'Say hello <script>alert(1)</script> politely')
    const runId = await run('master', 'master', 'c2'.repeat(20), 'Merge branch release/1.0')
    const stage = (of: number, name: string, position: number, tests: object | null, digest: string | null) =>
      tx.query(
        `INSERT INTO "Stage" ("runId", name, position, status, definition, digest, tests, "startedAt", "finishedAt")
         VALUES ($1, $2, $3, 'succeeded', '{}', $4, $5, '2026-11-21T08:58:10Z', '2026-11-21T08:59:10Z')`,
        [of, name, position, digest, tests === null ? null : JSON.stringify(tests)],
      )
    const results = {
      total: 12,
      passed: 11,
      failed: 0,
      errored: 0,
      skipped: 1,
      ms: 4200,
      files: 1,
      dropped: 0,
      problems: [],
    }
    await stage(built, 'static', 0, null, null)
    await stage(built, 'build', 1, null, DIGEST)
    await stage(built, 'unit', 2, results, null)
    await tx.query(
      `INSERT INTO "MergeRequest" ("projectId", iid, status, title, source, target, head, "authorId", "authorName", "mergerId", "mergerName", "webUrl", approvals, "mergeCommit")
       VALUES ($1, 4, 'merged', 'Release 1.0', 'release/1.0', 'master', $2, '9', 'Mia Chen', '71', 'Noor Haddad', 'https://forge.example.com/team/hello/-/merge_requests/4', $3, $4)`,
      [projectId, 'c1'.repeat(20), JSON.stringify([{ id: '70', name: 'Ada Okoye' }]), 'c2'.repeat(20)],
    )
    await tell(tx, {
      kind: 'release.cut',
      subject: 'release',
      subjectId: releaseId,
      by: WORKER,
      projectId,
      runId: built,
      data: { digest: DIGEST, tree: 'a1'.repeat(20), tag: 'V1.0_202611210900' },
    })
    const promotionId = await one(
      tx,
      `INSERT INTO "Promotion" ("environmentId", "releaseId", "runId", "requestedBy", "createdAt") VALUES ($1, $2, $3, 'Shiplock', '2026-11-21T09:05:00Z')`,
      [environmentId, releaseId, runId],
    )
    await tell(tx, {
      kind: 'promotion.request',
      subject: 'promotion',
      subjectId: promotionId,
      by: WORKER,
      projectId,
      runId,
      data: { name: 'production' },
    })
    return { releaseId, promotionId, environmentId, noor, omar }
  })
  const person = async (name: 'noor' | 'omar', role: string) => ({
    actor: `account:${made[name]}`,
    actorName: name === 'noor' ? 'Noor Haddad' : 'Omar Said',
    accountId: made[name],
    role,
    passkey: await enrolled(handle, trail.signer, made[name], [role]),
  })
  const people = { noor: await person('noor', 'owner'), omar: await person('omar', 'ops') }
  await trail.worker().signs()
  return { releaseId: made.releaseId, promotionId: made.promotionId, environmentId: made.environmentId, people }
}

/** The statement that this person would be shown. */
export async function statementFor(
  trail: GivenTrail,
  { promotionId, releaseId, environmentId }: GivenRelease,
  by: Person,
  over: { decision?: Decision; reason?: string; digest?: string; excluded?: number[] } = {},
): Promise<Statement> {
  const { rows } = await trail.record.pool.query<{ size: string; root: Buffer; now: Date }>(
    'SELECT size, root, clock_timestamp() AS now FROM "Checkpoint" ORDER BY size DESC LIMIT 1',
  )
  const [head] = rows
  const iat = head?.now ?? new Date()
  return {
    v: 1,
    type: 'shiplock.signoff',
    origin: trail.origin,
    decision: over.decision ?? 'approve',
    reason: over.reason ?? '',
    bound: {
      project: { id: 1, path: 'team/hello' },
      environment: { id: environmentId, name: 'production' },
      promotion: { id: promotionId, kind: 'onward', ask: 1 },
      release: { id: releaseId, tag: 'V1.0_202611210900', tree: 'a1'.repeat(20) },
      digest: over.digest ?? DIGEST,
      size: 4_200_000,
      git: { repository: 7, commit: 'c2'.repeat(20), branch: 'master' },
      build_sha256: '1'.repeat(64),
      config_sha256: '2'.repeat(64),
      tests_sha256: '3'.repeat(64),
      merge_requests: [4],
      policy: { version: 1, sha256: '4'.repeat(64) },
      previous_digest: null,
      excluded: { accounts: over.excluded ?? [], forge: ['9'] },
    },
    approver: { account: by.accountId, forge: '71', role: by.role },
    checkpoint: head === undefined ? null : { size: Number(head.size), root: head.root.toString('hex') },
    nonce: randomBytes(32).toString('base64url'),
    iat: iat.toISOString(),
    exp: new Date(iat.getTime() + 4 * 3_600_000).toISOString(),
  } as Statement
}

export interface Given {
  approvalId: number
  hash: string
}

/** They give it, signed with their passkey, or with another one, or not at all. */
export async function gives(
  trail: GivenTrail,
  given: GivenRelease,
  by: Person & { passkey: SoftPasskey },
  over: Parameters<typeof statementFor>[3] & {
    passkey?: SoftPasskey | null
    lies?: Parameters<SoftPasskey['get']>[1]
  } = {},
): Promise<Given> {
  const statement = await statementFor(trail, given, by, over)
  const bytes = bytesOf(statement)
  const passkey = over.passkey === undefined ? by.passkey : over.passkey
  const assertion = passkey?.get({ rpId: 'localhost', origin: PAGE, challenge: challengeOf(bytes) }, over.lies) ?? null
  const part = (text: string | undefined) => (text === undefined ? null : Buffer.from(text, 'base64url'))
  const hash = statementHash(bytes)
  return transaction(trail.record, async (tx) => {
    const approvalId = await one(
      tx,
      `INSERT INTO "Approval" ("promotionId", ask, "accountId", "accountName", role, decision, comment, digest, statement, hash, "passkeyId",
         "clientData", "authenticatorData", signature, "expiresAt")
       VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, (SELECT id FROM "Passkey" WHERE "credentialId" = $10), $11, $12, $13, $14)`,
      [
        given.promotionId,
        by.accountId,
        by.actorName,
        by.role,
        statement.decision,
        statement.reason,
        over.digest ?? DIGEST,
        bytes,
        hash,
        assertion?.credentialId ?? null,
        part(assertion?.clientDataJSON),
        part(assertion?.authenticatorData),
        part(assertion?.signature),
        statement.exp,
      ],
    )
    await tell(tx, {
      kind: 'approval.give',
      subject: 'promotion',
      subjectId: given.promotionId,
      by,
      because: statement.reason,
      data: {
        approval: approvalId,
        decision: statement.decision,
        hash,
        role: by.role,
        digest: over.digest ?? DIGEST,
        name: 'production',
        credential: assertion?.credentialId ?? null,
      },
    })
    return { approvalId, hash }
  })
}

/** Carries the promotion through: the answers are used, the digest is observed. */
export async function deploys(
  trail: GivenTrail,
  { promotionId }: GivenRelease,
  answers: readonly Given[],
  observed = DIGEST,
) {
  const by = WORKER
  const id = promotionId
  await transaction(trail.record, (tx) =>
    record(tx, 'promotion', PROMOTION, { id, from: 'waiting', event: 'admit', by }),
  )
  await transaction(trail.record, async (tx) => {
    await record(tx, 'promotion', PROMOTION, {
      id,
      from: 'queued',
      event: 'claim',
      by,
      set: { epoch: PLUS_ONE, startedAt: NOW },
    })
    for (const { approvalId } of answers)
      await record(tx, 'approval', APPROVAL, {
        id: approvalId,
        from: 'given',
        event: 'use',
        set: { consumedEpoch: 1 },
        by,
      })
  })
  const seen = { observed, deployedAt: NOW, url: 'http://127.0.0.1:8085' }
  await transaction(trail.record, (tx) =>
    record(tx, 'promotion', PROMOTION, {
      id,
      from: 'deploying',
      event: 'observe',
      by,
      set: seen,
      data: { digest: observed },
    }),
  )
  await transaction(trail.record, (tx) =>
    record(tx, 'promotion', PROMOTION, {
      id,
      from: 'deployed',
      event: 'pass',
      by,
      set: { verifiedAt: NOW, finishedAt: NOW },
    }),
  )
  await trail.worker().signs()
}

/** Signed off by both, and deployed. */
export async function givenDeployed(trail: GivenTrail): Promise<GivenRelease & { answers: Given[] }> {
  const given = await givenRelease(trail)
  const answers = [await gives(trail, given, given.people.noor), await gives(trail, given, given.people.omar)]
  await deploys(trail, given, answers)
  return { ...given, answers }
}
