// The way back to develop, on a real forge: what is opened, what conflicts, and what counts as paid.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { oweBackMerge } from '../../pipelines/owed-back-merges'
import { transaction } from '../../prisma/record'
import { eventually, Shiplock } from '../given'

const PROJECT = `/projects/${encodeURIComponent('team/hello')}`

let shiplock: Shiplock
let project: number
let made = 0
beforeAll(async () => {
  shiplock = await Shiplock.start()
  project = await shiplock.project()
})
afterAll(() => shiplock?.close())

/** A branch off develop with a change, which has been in production, by decree. @returns the debt's id */
async function owed(branch: string, files: Record<string, string>, hotfix = false): Promise<number> {
  const commit = await shiplock.push(branch, files)
  const { db } = shiplock.record
  const tag = `V1.0_20261121${String(++made).padStart(4, '0')}`
  const release = await db.release.create({
    data: {
      projectId: project,
      service: 'hello',
      tree: commit,
      buildKey: 'by decree',
      trust: 'release',
      digest: `sha256:${commit}`,
      image: 'hello',
      version: '1.0',
      tag,
      commit,
      branch,
      plan: {},
    },
  })
  const run = await db.run.create({
    data: {
      projectId: project,
      contentKey: `by decree ${made}`,
      service: 'hello',
      branch: 'master',
      branchKind: 'master',
      commit,
      before: commit,
      status: 'succeeded',
      goesTo: null,
      releaseId: release.id,
    },
  })
  const place = await db.environment.findFirstOrThrow({ where: { projectId: project, name: 'production' } })
  // As Shiplock does it, the place first and tried again: a worker may be looking at the same place.
  return transaction(shiplock.record, async (tx) => {
    await tx.query('SELECT id FROM "Environment" WHERE id = $1 FOR UPDATE', [place.id])
    const { rows } = await tx.query<{ id: number }>(
      `INSERT INTO "Promotion" ("environmentId", "releaseId", "runId", "requestedBy", status) VALUES ($1, $2, $3, 'test', 'verified') RETURNING id`,
      [place.id, release.id, run.id],
    )
    const promotionId = rows[0]?.id ?? 0
    await oweBackMerge(tx, {
      projectId: project,
      releaseId: release.id,
      promotionId,
      source: branch,
      target: 'develop',
      commit,
      hotfix,
    })
    const owes = await tx.query<{ id: number }>('SELECT id FROM "BackMerge" WHERE "promotionId" = $1', [promotionId])
    return owes.rows[0]?.id ?? 0
  })
}

/** The debt, once it is so. */
function debt(id: number, status: string) {
  let last = ''
  return eventually(`debt ${id} is ${status}`, async () => {
    const now = await shiplock.record.db.backMerge.findUniqueOrThrow({ where: { id } })
    last = `${now.status}: ${now.because}`
    return now.status === status && now
  }).catch((error: Error) => {
    throw new Error(`${error.message} (${last})`)
  })
}

const lookAgain = () =>
  shiplock.record.pool.query('UPDATE "BackMerge" SET "dueAt" = clock_timestamp() WHERE "dueAt" IS NOT NULL')

const onForge = (iid: number | null, change: object) =>
  shiplock.onForge('noor', 'PUT', `${PROJECT}/merge_requests/${iid}`, change)

describe('what reached production', () => {
  it('is opened as a merge request to develop, and paid once that is merged', async () => {
    const id = await owed('hotfix/1.0.1', { 'fix.txt': 'fixed\n' }, true)
    const opened = await debt(id, 'opened')
    expect(opened.iid).not.toBeNull()
    const request = await shiplock.onForge<{ title: string; description: string }>(
      'noor',
      'GET',
      `${PROJECT}/merge_requests/${opened.iid}`,
    )
    expect(request.title).toMatch(/^Merge hotfix\/1\.0\.1 back to develop \(V1\.0_/)
    expect(request.description).toContain('It is a hotfix')
    await shiplock.onForge('noor', 'PUT', `${PROJECT}/merge_requests/${opened.iid}/merge`, {})
    const paid = await debt(id, 'merged')
    expect(paid.dueAt).toBeNull()
    expect(paid.finishedAt).not.toBeNull()
  })

  it('is paid by a squash as well: git sees that nothing is left to merge', async () => {
    const opened = await debt(await owed('release/1.1', { 'squashed.txt': 'squashed\n' }), 'opened')
    await shiplock.onForge('noor', 'PUT', `${PROJECT}/merge_requests/${opened.iid}/merge`, { squash: true })
    await debt(opened.id, 'merged')
  })

  it('is paid by hand too, with nobody merging the request', async () => {
    const opened = await debt(await owed('release/1.2', { 'by-hand.txt': 'by hand\n' }), 'opened')
    await (await shiplock.clone()).mergeAndPush('release/1.2', 'develop')
    await debt(opened.id, 'merged')
  })

  it('needs no request where develop has it, by whatever way it came', async () => {
    await shiplock.push('develop', { 'same.txt': 'same\n' })
    const unneeded = await debt(await owed('release/1.3', {}), 'unneeded')
    expect(unneeded.because).toBe('nothing to merge: it would change nothing in develop')
    expect(unneeded.iid).toBeNull()
  })

  it('that conflicts says so plainly, with the files and what to do; the request is open all the same', async () => {
    const id = await owed('release/1.4', { 'www/index.html': 'from the release\n' })
    await shiplock.push('develop', { 'www/index.html': 'from develop\n' })
    const seen = await debt(id, 'conflicting')
    expect(seen.because).toContain('conflicts in www/index.html')
    expect(seen.because).toContain('merge develop into a branch of release/1.4')
    expect(seen.iid).not.toBeNull()
    // Solved on the release branch: the request is clean again.
    const clone = await shiplock.clone()
    await clone.command('fetch', '--quiet', 'origin')
    await clone.command('switch', '--quiet', '--force-create', 'release/1.4', 'origin/release/1.4')
    await clone.command('merge', '--quiet', '--strategy-option=ours', '--message=Solve', 'origin/develop')
    await clone.command('push', '--quiet', 'origin', 'release/1.4')
    await eventually('the forge can merge it', async () => {
      const { detailed_merge_status: now } = await shiplock.onForge<{ detailed_merge_status: string }>(
        'noor',
        'GET',
        `${PROJECT}/merge_requests/${seen.iid}`,
      )
      return now === 'mergeable'
    })
    await shiplock.onForge('noor', 'PUT', `${PROJECT}/merge_requests/${seen.iid}/merge`, {})
    await debt(seen.id, 'merged')
  })

  it('stays a debt when its request is closed, and is open again when that is reopened', async () => {
    const opened = await debt(await owed('hotfix/1.4.1', { 'declined.txt': 'no\n' }, true), 'opened')
    await onForge(opened.iid, { state_event: 'close' })
    await lookAgain()
    const declined = await debt(opened.id, 'declined')
    expect(declined.because).toContain('closed unmerged')
    await onForge(opened.iid, { state_event: 'reopen' })
    await lookAgain()
    await debt(opened.id, 'opened')
  })

  it('whose branch is gone comes back from the production branch', async () => {
    const clone = await shiplock.clone()
    shiplock.forge.misbehave({ api: [{ status: 502, times: 1000, match: 'merge_requests' }] })
    const id = await owed('release/1.5', { 'gone.txt': 'gone\n' })
    await clone.command('push', '--quiet', '--force', 'origin', 'release/1.5:master')
    await clone.command('push', '--quiet', 'origin', '--delete', 'release/1.5')
    shiplock.forge.misbehave({})
    await lookAgain()
    expect((await debt(id, 'opened')).source).toBe('master')
  })

  it('every status is explained by the trail', async () => {
    const { rows } = await shiplock.record.pool.query(
      `SELECT b.id, b.status FROM "BackMerge" b WHERE b.status <> 'owed' AND NOT EXISTS (
         SELECT 1 FROM "AuditEntry" a WHERE a.subject = 'backMerge' AND a."subjectId" = b.id AND a.after = b.status)`,
    )
    expect(rows).toEqual([])
  })
})
