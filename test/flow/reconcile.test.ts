import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, Shiplock } from '../given'

const PROJECT = `/projects/${encodeURIComponent('team/hello')}`

let shiplock: Shiplock
let project: number
beforeAll(async () => {
  shiplock = await Shiplock.start()
  project = await shiplock.project()
  await turn()
})
afterAll(() => shiplock?.close())

/** The project's turn comes now, and not in three minutes. @returns once it has been compared with the forge */
async function turn() {
  const before = await at()
  await shiplock.record.pool.query('UPDATE "Project" SET "reconcileAt" = clock_timestamp() WHERE id = $1', [project])
  await eventually('the project is compared with its forge', async () => {
    const now = await at()
    return now.reconciledAt !== null && now.reconciledAt > (before.reconciledAt ?? new Date(0))
  })
}
const at = () =>
  shiplock.record.db.project.findUniqueOrThrow({
    where: { id: project },
    select: { reconciledAt: true, hookForgeId: true, checks: true },
  })

/** What is done meanwhile is told by no webhook. */
async function unheard<T>(work: () => Promise<T>): Promise<T> {
  shiplock.forge.misbehave({ webhooks: { drop: 1000 } })
  try {
    const done = await work()
    await shiplock.forge.idle()
    return done
  } finally {
    shiplock.forge.misbehave({})
  }
}

const runsOf = async (commit: string) =>
  (await shiplock.client.runs({ limit: '100' })).items.filter((r) => r.commit === commit)

describe('what no webhook told', () => {
  it('the heads that were there before the project was connected are seen, and make no run', async () => {
    const heads = await shiplock.record.db.branchHead.findMany({ where: { projectId: project } })
    expect(heads.map((h) => h.branch).sort()).toEqual(['develop', 'master'])
    expect((await shiplock.client.runs({ limit: '100' })).items).toEqual([])
  })

  it('a missed push is taken up, once, and the trail says so', async () => {
    const commit = await unheard(() => shiplock.push('feature/unheard', { 'www/index.html': 'unheard\n' }))
    expect(await runsOf(commit)).toEqual([])
    await turn()
    const run = await shiplock.endedRun(commit)
    expect(run).toMatchObject({ status: 'succeeded', branchKind: 'feature' })
    const { rows } = await shiplock.record.pool.query(
      `SELECT r.origin, a.because FROM "Run" r JOIN "AuditEntry" a ON a."runId" = r.id AND a.kind = 'run.accept' WHERE r.id = $1`,
      [run.id],
    )
    expect(rows).toEqual([
      { origin: 'reconcile', because: 'its webhook never came: the head of feature/unheard was read from the forge' },
    ])
    await turn()
    expect(await runsOf(commit)).toHaveLength(1)
  })

  it('a push that was heard, or that asked for no run, is not taken for missed', async () => {
    const heard = await shiplock.push('feature/heard', { 'www/index.html': 'heard\n' })
    await shiplock.endedRun(heard)
    const clone = await shiplock.clone()
    await clone.command('commit', '--quiet', '--allow-empty', '--message=Say nothing')
    await clone.command('push', '--quiet', '--push-option=ci.skip', 'origin', 'HEAD:refs/heads/feature/quiet')
    const quiet = (await clone.command('rev-parse', 'HEAD')).trim()
    await eventually('the push is in the inbox', async () =>
      (await shiplock.client.deliveries({ limit: '20' })).items.some((d) => d.because.includes('ci.skip')),
    )
    await turn()
    expect(await runsOf(heard)).toHaveLength(1)
    expect(await runsOf(quiet)).toEqual([])
  })

  it('a branch outside the flow is left alone', async () => {
    const commit = await unheard(() => shiplock.push('fix_stuff', { 'www/index.html': 'stuff\n' }))
    await turn()
    expect(await runsOf(commit)).toEqual([])
  })

  it('a webhook that comes after all makes no second run that counts', async () => {
    shiplock.forge.misbehave({ webhooks: { delayMs: 3000 } })
    const commit = await shiplock.push('feature/late', { 'www/index.html': 'late\n' })
    await turn()
    await shiplock.endedRun(commit)
    await shiplock.forge.idle()
    shiplock.forge.misbehave({})
    const runs = await eventually('the late one has found the other', async () => {
      const found = await runsOf(commit)
      return found.length === 2 && found.every((r) => r.finishedAt !== null) && found
    })
    expect(runs.map((r) => r.status).sort()).toEqual(['succeeded', 'superseded'])
  })

  it('what runs for a branch that is gone is canceled', async () => {
    const commit = await shiplock.push('feature/gone', {
      '.shiplock.yaml': (await import('../given')).serviceFile({ static: 'sleep 60' }),
    })
    const run = await eventually('it runs', async () => {
      const [found] = await runsOf(commit)
      return found?.status === 'running' && found
    })
    const clone = await shiplock.clone()
    await unheard(() => clone.command('push', '--quiet', 'origin', '--delete', 'feature/gone'))
    await turn()
    const ended = await eventually('it is canceled', async () => {
      const now = await shiplock.client.run(run.id)
      return now.status === 'canceled' && now
    })
    expect(ended.because).toBe('the branch was deleted; its webhook never came')
  })

  it('a merge request that was opened, and one that was closed, unheard', async () => {
    await shiplock.push('feature/asked', { 'www/index.html': 'asked\n' })
    const { iid } = await unheard(() => shiplock.openRequest('feature/asked', 'develop'))
    const shown = (status: string) =>
      eventually(`!${iid} is ${status}`, async () =>
        (await shiplock.client.mergeRequests({ limit: '100' })).items.find((m) => m.iid === iid && m.status === status),
      )
    await turn()
    await shown('opened')
    // Only what was read is closed; it is read again once it is missed on the forge's list.
    await unheard(() => shiplock.onForge('mia', 'PUT', `${PROJECT}/merge_requests/${iid}`, { state_event: 'close' }))
    await eventually('nothing is under way', async () => {
      const row = await shiplock.record.db.mergeRequest.findFirst({ where: { iid }, select: { dueAt: true } })
      return row?.dueAt === null
    })
    await turn()
    await shown('closed')
  })

  it('a webhook that somebody removed is made again, and a push is heard again', async () => {
    const before = await at()
    await shiplock.onForge('noor', 'DELETE', `${PROJECT}/hooks/${before.hookForgeId}`)
    await turn()
    await eventually('there is a new webhook', async () => (await at()).hookForgeId !== before.hookForgeId)
    const { rows } = await shiplock.record.pool.query<{ kind: string }>(
      `SELECT kind FROM "AuditEntry" WHERE subject = 'project' AND kind LIKE 'project.hook.%' ORDER BY id DESC LIMIT 1`,
    )
    expect(rows).toEqual([{ kind: 'project.hook.mended' }])
    const commit = await shiplock.push('feature/heard-again', { 'www/index.html': 'again\n' })
    expect((await shiplock.endedRun(commit)).status).toBe('succeeded')
  })

  it('one that the forge has switched off is told of on the page of the project, with what to do', async () => {
    shiplock.forge.misbehave({ webhooks: { disable: 'disabled' } })
    shiplock.forge.misbehave({})
    await turn()
    const check = await eventually('the check fails', async () =>
      (await shiplock.client.project(project)).checks.find((c) => c.name === 'webhook' && !c.ok),
    )
    expect(check.remedy).toContain('test')
  })

  it('a project whose forge does not answer keeps no other waiting', async () => {
    const { id } = await shiplock.client.connect({
      forge: 'gitlab',
      forgeUrl: 'http://127.0.0.1:9',
      path: 'team/dead',
      token: 'glpat-nobody-there-0000',
    })
    await shiplock.record.pool.query(
      `UPDATE "Project" SET status = 'connected', "forgeProjectId" = 1, "reconcileAt" = clock_timestamp() WHERE id = $1`,
      [id],
    )
    const commit = await unheard(() => shiplock.push('feature/beside-dead', { 'www/index.html': 'beside\n' }))
    await turn()
    expect((await shiplock.endedRun(commit)).status).toBe('succeeded')
  })
})
