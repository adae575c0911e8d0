// Tags as they arrive: made by Shiplock, by a person, too early, in the wrong place, moved, deleted.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { releaseTag } from '../../environments/release'
import type { Delivery } from '../../pipelines/delivery'
import type { ForgeEvent } from '../../pipelines/forges/forge'
import { STANDARD_FLOW } from '../../pipelines/gitflow'
import { oweTag } from '../../pipelines/owe-tag'
import { TAG } from '../../pipelines/tag'
import { acceptTagEvent } from '../../pipelines/tag-events'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { record as move, SHIPLOCK, transaction } from '../../prisma/record'
import { freshDatabase } from '../database'

let database: Awaited<ReturnType<typeof freshDatabase>>
let record: RecordHandle
beforeAll(async () => {
  database = await freshDatabase()
  record = openRecord(database.url)
})
afterAll(async () => {
  await record?.close()
  await database?.drop()
})

let project = 0
let sent = 0
beforeEach(async () => {
  const none = Buffer.alloc(0)
  const made = await record.db.project.create({
    data: {
      forge: 'gitlab',
      forgeUrl: 'http://forge.test',
      path: `team/p${++sent}`,
      name: 'hello',
      tokenSealed: none,
      hookSealed: none,
      hook: `hook-${sent}`,
      createdBy: 'test',
      botId: '99',
    },
  })
  project = made.id
})

const sha = (n: number) => String(n).padStart(40, '0').replace(/^0/, 'a')

/** A run of the production branch, with its release where `release` says so. */
async function masterRun(commit: string, released = true) {
  const release = released
    ? await record.db.release.create({
        data: {
          projectId: project,
          service: 'hello',
          tree: commit,
          buildKey: 'b',
          trust: 'release',
          digest: `sha256:${commit}`,
          image: 'hello',
          version: '1.0',
          tag: `V1.0_${commit.slice(-12)}`,
          commit,
          branch: 'master',
          plan: {},
        },
      })
    : null
  const run = await record.db.run.create({
    data: {
      projectId: project,
      contentKey: `push:${commit}:${++sent}`,
      service: 'hello',
      branch: 'master',
      branchKind: 'master',
      commit,
      before: sha(0),
      status: 'succeeded',
      releaseId: release?.id ?? null,
    },
  })
  return { run: run.id, release: release?.id ?? 0, tag: release?.tag ?? '' }
}

const owe = (at: { run: number; release: number; tag: string }, commit: string, policy: 'made' | 'awaited') =>
  transaction(record, (tx) =>
    oweTag(tx, {
      projectId: project,
      runId: at.run,
      releaseId: at.release,
      name: at.tag,
      anew: (now, ordinal) => releaseTag('1.0', now, ordinal),
      commit,
      policy,
    }),
  )

/** One more run of the production branch that adopts a release, at another commit of the same tree. */
async function adopts(at: { release: number; tag: string }, commit: string) {
  const run = await record.db.run.create({
    data: {
      projectId: project,
      contentKey: `push:${commit}:${++sent}`,
      service: 'hello',
      branch: 'master',
      branchKind: 'master',
      commit,
      before: sha(0),
      status: 'succeeded',
      releaseId: at.release,
    },
  })
  return { ...at, run: run.id }
}

const ZEROS = '0'.repeat(40)

function push(name: string, commit: string | null, over: { pusherId?: string; key?: string } = {}) {
  const event: Extract<ForgeEvent, { kind: 'tag' }> = {
    kind: 'tag',
    forgeProjectId: 1,
    path: 'team/hello',
    name,
    before: ZEROS,
    after: commit ?? ZEROS,
    commit,
    pusherId: over.pusherId ?? '7',
    pusherName: 'Noor',
  }
  const delivery: Delivery = {
    owner: { id: project, name: 'hello', forgeProjectId: 1, flow: STANDARD_FLOW },
    key: over.key ?? `key-${++sent}`,
    event: 'Tag Push Hook',
    body: Buffer.from(JSON.stringify(event)),
    parsed: event,
  }
  return acceptTagEvent(record, delivery, event)
}

const tags = () =>
  record.db.tag.findMany({
    where: { projectId: project },
    select: { name: true, status: true, commit: true, runId: true, releaseId: true, by: true },
    orderBy: { id: 'asc' },
  })

describe('a version tag', () => {
  it('that production waits for is taken, under whatever name a person gives it', async () => {
    const at = await masterRun(sha(1))
    await owe(at, sha(1), 'awaited')
    expect(await tags()).toMatchObject([{ name: null, status: 'awaited', runId: at.run }])
    expect(await push('v1.0', sha(1))).toMatchObject({ decision: 'accepted', run: at.run })
    expect(await tags()).toMatchObject([{ name: 'v1.0', status: 'taken', by: 'Noor', releaseId: at.release }])
  })

  it('that a person makes before Shiplock does is taken, and no second one is owed', async () => {
    const at = await masterRun(sha(2))
    await owe(at, sha(2), 'made')
    await push('1.0.0', sha(2))
    await owe(at, sha(2), 'made')
    expect(await tags()).toMatchObject([{ name: '1.0.0', status: 'taken', runId: at.run }])
  })

  it('that comes before the run of its commit is stray until the run has its release', async () => {
    expect(await push('v2.0', sha(3))).toMatchObject({
      decision: 'ignored',
      because: expect.stringContaining('no commit of the production branch that Shiplock knows'),
    })
    expect(await tags()).toMatchObject([{ name: 'v2.0', status: 'stray', runId: null }])
    const at = await masterRun(sha(3))
    await owe(at, sha(3), 'awaited')
    expect(await tags()).toMatchObject([{ name: 'v2.0', status: 'taken', runId: at.run, releaseId: at.release }])
  })

  it('that comes while its run has no release yet is taken, and gets its release', async () => {
    const early = await masterRun(sha(4), false)
    expect(await push('v3.0', sha(4))).toMatchObject({ decision: 'accepted', run: early.run })
    const at = await masterRun(sha(4))
    await owe(at, sha(4), 'made')
    expect(await tags()).toMatchObject([{ name: 'v3.0', status: 'taken', releaseId: at.release }])
  })

  it('that is moved or deleted says so, and what is promoted stays; back again, it counts again', async () => {
    const at = await masterRun(sha(5))
    await push('v4.0', sha(5))
    expect(await push('v4.0', sha(6))).toMatchObject({
      decision: 'accepted',
      because: expect.stringContaining('what is promoted is the digest, and stays'),
    })
    expect(await tags()).toMatchObject([{ name: 'v4.0', status: 'moved', commit: sha(5), runId: at.run }])
    await push('v4.0', sha(5))
    expect(await tags()).toMatchObject([{ name: 'v4.0', status: 'taken' }])
    expect(await push('v4.0', null)).toMatchObject({ because: expect.stringContaining('was deleted by Noor') })
    expect(await tags()).toMatchObject([{ name: 'v4.0', status: 'moved' }])
  })

  it('on a commit of another branch names no release; moved onto the production branch, it does', async () => {
    const at = await masterRun(sha(7))
    await push('v5.0', sha(8))
    expect(await tags()).toMatchObject([{ status: 'stray' }])
    expect(await push('v5.0', sha(7))).toMatchObject({ decision: 'accepted', run: at.run })
    expect(await tags()).toMatchObject([{ name: 'v5.0', status: 'taken', commit: sha(7), runId: at.run }])
  })

  it('that Shiplock is making comes back as an event of its own user, and changes nothing', async () => {
    const at = await masterRun(sha(9))
    await owe(at, sha(9), 'made')
    await record.pool.query(`UPDATE "Tag" SET status = 'making' WHERE "projectId" = $1`, [project])
    expect(await push(at.tag, sha(9), { pusherId: '99' })).toMatchObject({
      decision: 'accepted',
      because: expect.stringContaining('Shiplock makes'),
    })
    expect(await tags()).toMatchObject([{ status: 'making' }])
  })

  it('delivered twice is one; two at once decide one after the other', async () => {
    const at = await masterRun(sha(10))
    await owe(at, sha(10), 'awaited')
    const answers = await Promise.all(['a', 'a', 'b', 'b'].map((key) => push('v6.0', sha(10), { key })))
    expect(answers.map((a) => a.decision).sort()).toEqual(['accepted', 'accepted', 'duplicate', 'duplicate'])
    expect(await tags()).toMatchObject([{ name: 'v6.0', status: 'taken', runId: at.run }])
  })

  it('of a name that is no version is ignored', async () => {
    expect(await push('nightly', sha(11))).toMatchObject({
      decision: 'ignored',
      because: 'the tag nightly is no version tag',
    })
    expect(await tags()).toEqual([])
  })

  it('A7: a commit that adopts a release again, as after a revert, gets a tag of its own', async () => {
    const first = await masterRun(sha(20))
    await owe(first, sha(20), 'made')
    const again = await adopts(first, sha(21))
    await owe(again, sha(21), 'made')
    await owe(again, sha(21), 'made')
    expect(await tags()).toMatchObject([
      { name: first.tag, status: 'owed', commit: sha(20) },
      { name: expect.stringMatching(/^V1\.0_\d{12}$/), status: 'owed', commit: sha(21), runId: again.run },
    ])
    const { rows } = await record.pool.query(
      `SELECT because FROM "AuditEntry" WHERE kind = 'tag.owed' AND "runId" = $1`,
      [again.run],
    )
    expect(rows).toEqual([{ because: expect.stringContaining(`${first.tag} is on ${sha(20).slice(0, 12)}`) }])
    // And once more, within the same minute.
    const third = await adopts(first, sha(22))
    await owe(third, sha(22), 'made')
    const names = (await tags()).map((t) => t.name)
    expect(new Set(names).size).toBe(3)
    expect(names[2]).toMatch(/^V1\.0_\d{12}(\.2)?$/)
  })

  it('A7: where the first commit was tagged by hand, or its tag is refused or moved, the second still gets its own', async () => {
    const first = await masterRun(sha(23))
    await push('v7.0', sha(23))
    await owe(first, sha(23), 'made')
    await owe(await adopts(first, sha(24)), sha(24), 'made')
    // The release's own name was free: nobody had it.
    expect(await tags()).toMatchObject([{ name: 'v7.0' }, { name: first.tag, status: 'owed', commit: sha(24) }])
    const { id } = await record.db.tag.findFirstOrThrow({ where: { projectId: project, commit: sha(24) } })
    await record.pool.query(`UPDATE "Tag" SET status = 'making' WHERE id = $1`, [id])
    await transaction(record, (tx) =>
      move(tx, 'tag', TAG, { id, from: 'making', event: 'refuse', because: 'it is protected', by: SHIPLOCK }),
    )
    await owe(await adopts(first, sha(25)), sha(25), 'made')
    expect((await tags()).at(-1)).toMatchObject({ status: 'owed', commit: sha(25) })
  })

  it('A7: a stray tag of the name on a commit of no branch does not keep the commit from its own', async () => {
    const first = await masterRun(sha(26))
    await push(first.tag, sha(27))
    await owe(first, sha(26), 'made')
    expect((await tags()).at(-1)).toMatchObject({ status: 'owed', commit: sha(26), runId: first.run })
  })

  it('A7: of a project that tags by hand each commit waits for its own, and takes it', async () => {
    const first = await masterRun(sha(28))
    await owe(first, sha(28), 'awaited')
    await push('v8.0', sha(28))
    const again = await adopts(first, sha(29))
    await owe(again, sha(29), 'awaited')
    expect((await tags()).at(-1)).toMatchObject({ name: null, status: 'awaited', runId: again.run })
    await push('v8.1', sha(29))
    expect((await tags()).at(-1)).toMatchObject({ name: 'v8.1', status: 'taken', runId: again.run })
  })

  it('A7: a minute that is full of names says so in the trail', async () => {
    const first = await masterRun(sha(30))
    await owe(first, sha(30), 'made')
    const again = await adopts(first, sha(31))
    await transaction(record, (tx) =>
      oweTag(tx, {
        projectId: project,
        runId: again.run,
        releaseId: first.release,
        name: first.tag,
        anew: () => first.tag,
        commit: sha(31),
        policy: 'made',
      }),
    )
    const { rows } = await record.pool.query(
      `SELECT because FROM "AuditEntry" WHERE kind = 'tag.impossible' AND "runId" = $1`,
      [again.run],
    )
    expect(rows).toEqual([{ because: expect.stringContaining('no version tag was made') }])
  })

  it('every status is explained by the trail', async () => {
    const { rows } = await record.pool.query(
      `SELECT t.id, t.status FROM "Tag" t WHERE t.status <> 'making' AND NOT EXISTS (
         SELECT 1 FROM "AuditEntry" a WHERE a.subject = 'tag' AND a."subjectId" = t.id AND a.after = t.status)`,
    )
    expect(rows).toEqual([])
  })
})
