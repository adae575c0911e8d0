// A branch that is gone after its merge, and a release that comes back by a revert; on both forges.
import { afterEach, expect, it } from 'vitest'
import { eventually, SERVICE, Shiplock } from '../given'

let shiplock: Shiplock | undefined
afterEach(() => shiplock?.close())

const ONE = { ...SERVICE, 'www/index.html': 'one\n' }

it.each(['gitlab', 'github'] as const)(
  'A7 and A8: a revert gets a tag of its own, and what is told of a deleted branch arrives, at %s',
  { timeout: 240_000 },
  async (forge) => {
    const on = await Shiplock.start()
    shiplock = on
    const project = await on.project(ONE, 'team/hello', { forge })
    const first = await on.inProduction('release/1.0', {})
    await on.inProduction('release/1.1', { 'www/index.html': 'two\n' }, 'master')
    // The forge offers to delete the branch after the merge.
    const clone = await on.clone()
    await clone.command('push', '--quiet', 'origin', '--delete', 'release/1.0')
    const { rows } = await on.record.pool.query<{ id: number; releaseId: number }>(
      `SELECT e.id, p."releaseId" FROM "Environment" e JOIN "Promotion" p ON p."environmentId" = e.id JOIN "Run" r ON r.id = p."runId"
       WHERE e.name = 'prerelease' AND r."commit" = $1`,
      [first.release],
    )
    const back = await on.people.omar.rollback(rows[0]?.id ?? 0, rows[0]?.releaseId ?? 0, 'to look at it again')
    await eventually('it is there, and the forge was told', async () => {
      const { status, forge: told } = await on.client.promotion(back.id)
      expect(told.because).toBe('')
      return status === 'verified' && told.state === 'success' && told.deployment !== null
    })
    await on.people.omar.releaseHold(rows[0]?.id ?? 0)

    const next = await on.push('release/1.2', { 'www/index.html': 'one\n' }, 'master')
    await on.verified(next, 'prerelease')
    const merged = await on.merge('release/1.2', 'master')
    await on.sign(merged)
    const tags = await eventually('both commits have their tag', async () => {
      const found = await on.record.db.tag.findMany({
        where: { projectId: project, status: 'made', commit: { in: [first.master, merged] } },
        select: { name: true, commit: true, releaseId: true },
        orderBy: { id: 'asc' },
      })
      return found.length === 2 && found
    })
    expect(tags.map((t) => t.commit)).toEqual([first.master, merged])
    expect(new Set(tags.map((t) => t.releaseId)).size).toBe(1)
    await clone.command('fetch', '--quiet', '--tags', 'origin')
    expect((await clone.command('rev-parse', `${tags[1]?.name}^{commit}`)).trim()).toBe(merged)
  },
)
