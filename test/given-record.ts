// One row of everything, as the database's owner plants them: for what the two processes may do to each.
import pg from 'pg'

export interface GivenRecord {
  project: number
  environment: number
  account: number
  /** By table. */
  ids: Readonly<Record<string, number>>
}

/** @param url of the database's owner, on a database that is migrated and empty */
export async function givenRecord(url: string): Promise<GivenRecord> {
  const db = new pg.Client({ connectionString: url })
  await db.connect()
  const ids: Record<string, number> = {}
  const plant = async (table: string, values: Record<string, unknown>) => {
    const columns = Object.keys(values)
    const { rows } = await db.query<{ id: number }>(
      `INSERT INTO "${table}" (${columns.map((c) => `"${c}"`).join(', ')}) VALUES (${columns.map((_, i) => `$${i + 1}`).join(', ')}) RETURNING id`,
      Object.values(values),
    )
    const id = rows[0]?.id ?? 0
    ids[table] = id
    return id
  }
  try {
    const account = await plant('Account', { name: 'mia', role: 'ops' })
    const projectId = await plant('Project', {
      forge: 'gitlab',
      forgeUrl: 'https://forge.example.com',
      path: 'team/hello',
      name: 'hello',
      tokenSealed: Buffer.of(0),
      hook: 'hook',
      hookSealed: Buffer.of(0),
      createdBy: 'account:1',
      status: 'connected',
    })
    const environment = await plant('Environment', {
      projectId,
      name: 'test',
      position: 0,
      policy: '{}',
      policyVersion: 1,
    })
    const releaseId = await plant('Release', {
      projectId,
      service: 'hello',
      tree: 't',
      buildKey: 'k',
      digest: 'sha256:1',
      image: 'hello:1',
      version: '1.0',
      tag: 'V1.0_202611210900',
      commit: 'c',
      branch: 'develop',
      plan: '{}',
    })
    const runId = await plant('Run', {
      projectId,
      contentKey: 'content',
      service: 'hello',
      branch: 'develop',
      branchKind: 'develop',
      commit: 'c',
      before: 'b',
      status: 'succeeded',
      releaseId,
    })
    const promotionId = await plant('Promotion', {
      environmentId: environment,
      releaseId,
      runId,
      requestedBy: 'mia',
      ask: 3,
    })
    await plant('Stage', { runId, name: 'unit', position: 0, definition: '{}', attempts: 2 })
    const mergeRequestId = await plant('MergeRequest', { projectId, iid: 1 })
    await plant('MergeAction', {
      projectId,
      mergeRequestId,
      kind: 'merge',
      head: 'c',
      accountId: account,
      accountName: 'mia',
    })
    await plant('Tag', { projectId, name: 'v1', commit: 'c', status: 'awaited' })
    await plant('BackMerge', {
      projectId,
      releaseId,
      promotionId,
      source: 'hotfix/1',
      target: 'develop',
      commit: 'c',
      hotfix: true,
    })
    const policyChange = await plant('PolicyChange', {
      environmentId: environment,
      baseVersion: 1,
      policy: '{}',
      authorId: account,
      authorName: 'mia',
    })
    await plant('Approval', {
      policyChangeId: policyChange,
      accountId: account,
      accountName: 'mia',
      role: 'ops',
      statement: Buffer.of(0),
      hash: 'h',
      expiresAt: new Date(Date.now() + 3_600_000),
    })
    await plant('Passkey', {
      accountId: account,
      name: 'key',
      credentialId: 'c',
      publicKey: Buffer.of(0),
      spki: Buffer.of(0),
      alg: -7,
    })
    await plant('Report', { projectId, runId, name: 'unit', wanted: 'pending' })
    await db.query(`INSERT INTO "BranchHead" ("projectId", branch, "commit") VALUES ($1, 'develop', 'c')`, [projectId])
    await db.query(`INSERT INTO "Worker" (id) VALUES ('w1')`)
    return { project: projectId, environment, account, ids }
  } finally {
    await db.end()
  }
}
