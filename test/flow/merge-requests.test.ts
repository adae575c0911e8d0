import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MergeRequestDetail } from '../../app/merge-requests/shapes'
import { eventually, Shiplock } from '../given'

const PROJECT = `/projects/${encodeURIComponent('team/hello')}`

let shiplock: Shiplock
let project: number
beforeAll(async () => {
  shiplock = await Shiplock.start()
  project = await shiplock.project()
})
afterAll(() => shiplock?.close())

/** What Shiplock shows of a request, once it is as asked. */
function shown(iid: number, is: (request: MergeRequestDetail) => boolean = () => true) {
  let last: unknown = 'unknown here'
  return eventually(`!${iid}`, async () => {
    const { items } = await shiplock.people.noor.mergeRequests({ project: String(project), limit: '100' })
    const found = items.find((m) => m.iid === iid)
    if (found === undefined) return null
    const request = await shiplock.people.noor.mergeRequest(found.id)
    last = { status: request.status, run: request.run?.status, pair: request.pair, forge: request.forgeBecause }
    return request.syncedAt !== null && is(request) && request
  }).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(last)}`)
  })
}

const statusOf = async (commit: string, name: string) =>
  (
    await shiplock.onForge<{ name: string; status: string; description: string }[]>(
      'noor',
      'GET',
      `${PROJECT}/repository/commits/${commit}/statuses?per_page=100`,
    )
  ).find((s) => s.name === name)

const notesOf = async (iid: number) =>
  (
    await shiplock.onForge<{ body: string; system: boolean }[]>(
      'noor',
      'GET',
      `${PROJECT}/merge_requests/${iid}/notes?per_page=100`,
    )
  ).filter((n) => n.body.includes('<!-- shiplock -->'))

describe('a merge request', () => {
  it('whose arrow the flow does not have gets a failing status with the reason, and is not merged from here', async () => {
    const head = await shiplock.push('feature/straight-on', { 'www/index.html': 'straight\n' })
    const { iid } = await shiplock.openRequest('feature/straight-on', 'master')
    await shiplock.told(head, { 'shiplock/flow': 'failed' })
    expect((await statusOf(head, 'shiplock/flow'))?.description).toBe(
      'a feature branch is merged into develop, not into master',
    )
    const request = await shown(iid, (r) => r.run?.status === 'succeeded')
    expect(request.pair).toEqual({ ok: false, because: 'a feature branch is merged into develop, not into master' })
    await expect(shiplock.people.noor.mergeRequestNow(request.id, head)).rejects.toThrow('not into master')
  })

  it('is judged anew when its target changes', async () => {
    const head = await shiplock.push('feature/turned', { 'www/index.html': 'turned\n' })
    const { iid } = await shiplock.openRequest('feature/turned', 'master')
    await shiplock.told(head, { 'shiplock/flow': 'failed' })
    await shiplock.onForge('mia', 'PUT', `${PROJECT}/merge_requests/${iid}`, { target_branch: 'develop' })
    await shiplock.told(head, { 'shiplock/flow': 'success' })
    expect((await shown(iid, (r) => r.target === 'develop')).pair.ok).toBe(true)
  })

  it('has one note, which is edited: the flow, the run of its head, what would follow', async () => {
    const head = await shiplock.push('feature/noted', { 'www/index.html': 'noted\n' })
    const { iid } = await shiplock.openRequest('feature/noted', 'develop')
    const request = await shown(iid, (r) => r.run?.status === 'succeeded')
    const [note] = await eventually('the note says how the run ended', async () => {
      const notes = await notesOf(iid)
      return notes.some((n) => n.body.includes('**succeeded**')) && notes
    })
    expect(await notesOf(iid)).toHaveLength(1)
    expect(note?.body).toContain('**Flow:** allowed: a feature branch may be merged into develop')
    expect(note?.body).toContain(`**Checks of \`${head.slice(0, 12)}\`:** [run ${request.run?.id}]`)
    expect(note?.body).toContain('(static succeeded)')
    expect(note?.body).toContain('goes to **test**')
    expect(note?.body).toContain('**Approved by:** nobody yet')
  })

  it('is approved and merged from here exactly as it was seen, and by name', async () => {
    const old = await shiplock.push('feature/merged', { 'www/index.html': 'a first try\n' })
    const { iid } = await shiplock.openRequest('feature/merged', 'develop')
    const first = await shown(iid, (r) => r.head === old)
    const head = await shiplock.push('feature/merged', { 'www/index.html': 'merged from here\n' }, 'feature/merged')
    const request = await shown(iid, (r) => r.head === head && r.run?.status === 'succeeded')
    await expect(shiplock.people.noor.mergeRequestNow(first.id, old)).rejects.toThrow(
      `you saw ${old.slice(0, 12)}, its head is ${head.slice(0, 12)}`,
    )
    await shiplock.people.noor.approveRequest(request.id, head)
    await shown(iid, (r) => r.actions.some((a) => a.kind === 'approve' && a.status === 'done'))
    await shiplock.people.noor.mergeRequestNow(request.id, head)
    const merged = await shown(iid, (r) => r.status === 'merged' && r.actions[0]?.status === 'done')
    expect(merged.actions[0]).toMatchObject({ kind: 'merge', by: 'noor', status: 'done', head })
    const onto = await shiplock.onForge<{ message: string }>(
      'noor',
      'GET',
      `${PROJECT}/repository/commits/${merged.mergeCommit}`,
    )
    expect(onto.message).toContain('Merged by noor in Shiplock')
    const run = await shiplock.runOf(String(merged.mergeCommit), 'develop')
    expect(run.branchKind).toBe('develop')
    await eventually('the note says who approved, and that it is merged', async () => {
      const [note] = await notesOf(iid)
      return note?.body.includes('noor (in Shiplock)') && note.body.includes('**State:** merged')
    })
  })

  it("is not merged before the run of its head has succeeded, nor is one's own change approved", async () => {
    await shiplock.push('feature/noors-own', { 'www/index.html': 'own\n' })
    const { iid } = await shiplock.onForge<{ iid: number }>('noor', 'POST', `${PROJECT}/merge_requests`, {
      source_branch: 'feature/noors-own',
      target_branch: 'develop',
      title: 'My own',
    })
    const own = await shown(iid, (r) => r.author !== '')
    await expect(shiplock.people.noor.approveRequest(own.id, own.head)).rejects.toThrow(/own change|somebody else/)
    const failing = await shiplock.push('feature/fails', { Dockerfile: null })
    const request = await shiplock.openRequest('feature/fails', 'develop')
    const seen = await shown(request.iid, (r) => r.run?.status === 'failed')
    await expect(shiplock.people.noor.mergeRequestNow(seen.id, failing)).rejects.toThrow(/failed/)
  })

  it('that is merged, closed or reopened on the forge is so here, and the trail says who merged', async () => {
    await shiplock.push('feature/elsewhere', { 'www/index.html': 'elsewhere\n' })
    const { iid } = await shiplock.openRequest('feature/elsewhere', 'develop')
    await shown(iid, (r) => r.status === 'opened')
    await shiplock.onForge('mia', 'PUT', `${PROJECT}/merge_requests/${iid}`, { state_event: 'close' })
    await shown(iid, (r) => r.status === 'closed')
    await shiplock.onForge('mia', 'PUT', `${PROJECT}/merge_requests/${iid}`, { state_event: 'reopen' })
    await shown(iid, (r) => r.status === 'opened')
    await shiplock.onForge('noor', 'PUT', `${PROJECT}/merge_requests/${iid}/merge`, {})
    const merged = await shown(iid, (r) => r.status === 'merged')
    expect(merged.merger).not.toBe('')
    const { rows } = await shiplock.record.pool.query(
      `SELECT kind, "actorName" FROM "AuditEntry" WHERE subject = 'mergeRequest' AND "subjectId" = $1 AND kind = 'mergeRequest.merge'`,
      [merged.id],
    )
    expect(rows).toEqual([{ kind: 'mergeRequest.merge', actorName: merged.merger }])
  })
})

describe('a merge request from a fork', () => {
  const fork = 'mia/hello'
  let iid: number
  beforeAll(async () => {
    await shiplock.forge.addProject({ path: fork, members: { mia: 40, 'shiplock-bot': 20 }, forkOf: 'team/hello' })
    await shiplock.push('feature/from-outside', { 'www/index.html': 'from outside\n' }, 'develop', fork)
    const target = await shiplock.onForge<{ id: number }>('mia', 'GET', PROJECT)
    const opened = await shiplock.onForge<{ iid: number }>(
      'mia',
      'POST',
      `/projects/${encodeURIComponent(fork)}/merge_requests`,
      {
        source_branch: 'feature/from-outside',
        target_branch: 'develop',
        target_project_id: target.id,
        title: 'From outside',
      },
    )
    iid = opened.iid
  })

  it('waits until an owner says go, and then only its static checks run', async () => {
    const request = await shown(iid, (r) => r.run !== null)
    expect(request).toMatchObject({ fork: true, sourceKind: 'fork', sourcePath: fork, pair: { ok: true } })
    expect(request.run).toMatchObject({ status: 'held', branchKind: 'fork' })
    await shiplock.told(request.head, { 'shiplock/flow': 'success' })
    await shiplock.people.noor.allowRun(Number(request.run?.id))
    const run = await shiplock.endedRun(request.head)
    expect(run.because).toBe('')
    expect(run.stages.map((s) => [s.name, s.status])).toEqual([['static', 'succeeded']])
    expect(run).toMatchObject({ goesTo: null, promotions: [] })
    await shiplock.told(request.head, { 'shiplock/static': 'success' })
  })

  it('a new head is held again, and the go for the old one does not count', async () => {
    const before = await shown(iid)
    const head = await shiplock.push(
      'feature/from-outside',
      { 'www/index.html': 'again\n' },
      'feature/from-outside',
      fork,
    )
    const request = await shown(iid, (r) => r.head === head && r.run?.status === 'held')
    expect(request.run?.id).not.toBe(before.run?.id)
    const next = await shiplock.push(
      'feature/from-outside',
      { 'www/index.html': 'more\n' },
      'feature/from-outside',
      fork,
    )
    await shown(iid, (r) => r.head === next && r.run?.status === 'held')
    await expect(shiplock.people.noor.allowRun(Number(request.run?.id))).rejects.toThrow('superseded')
  })

  it('that is closed has nothing that waits', async () => {
    const before = await shown(iid, (r) => r.run?.status === 'held')
    await shiplock.onForge('mia', 'PUT', `${PROJECT}/merge_requests/${iid}`, { state_event: 'close' })
    await eventually(
      'its run is canceled',
      async () => (await shiplock.client.run(Number(before.run?.id))).status === 'canceled',
    )
  })
})
