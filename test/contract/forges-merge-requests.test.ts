// The contract of merge requests, for every forge: read, opened, approved, merged and noted, on real git.
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { describeForges } from './forge-contract'
import type { MergeMethod } from './given-forge'

const ABSENT = 'f'.repeat(40)
let names = 0

describeForges((there) => {
  const bot = () => there.as(there.forge.maintainer)
  const dev = () => there.as(there.forge.developer)
  const id = () => there.forge.projectId

  /** A feature with work of its own, ready to come to develop. */
  async function feature(files: Record<string, string> = {}) {
    const source = `feature/${++names}`
    const change = { onto: 'develop', files: { [`work-${names}`]: 'done\n', ...files } }
    const head = await there.forge.push(source, `Work ${names}`, change)
    return { source, head }
  }
  async function opened(more: { draft?: boolean; fork?: boolean } = {}) {
    const { source, head } = await feature()
    const iid = await there.forge.openMergeRequest({ source, target: 'develop', title: `Work ${names}`, ...more })
    return { source, head, iid }
  }
  const read = async (iid: number) => (await bot().mergeRequest(id(), iid)) ?? expect.fail(`there is no !${iid}`)
  const settles = (iid: number) =>
    vi.waitFor(async () => expect((await read(iid)).mergeable).not.toBe('checking'), { timeout: 10_000, interval: 50 })

  beforeEach(async () => {
    if ((await there.forge.ref('refs/heads/develop')) === null) {
      await there.forge.push('master', 'The beginning', { files: { 'README.md': 'hello\n' } })
      await there.forge.push('develop', 'The ground', { onto: 'master' })
    }
    await there.forge.mergeBy('merge')
  })

  describe('a merge request', () => {
    it('is read as it is', async () => {
      const { source, head, iid } = await opened()
      await settles(iid)
      const { developer, path } = there.forge
      expect(await read(iid)).toEqual({
        iid,
        title: `Work ${names}`,
        status: 'opened',
        draft: false,
        source,
        target: 'develop',
        fork: false,
        sourcePath: path,
        head,
        author: { id: developer.id, name: developer.username },
        merger: null,
        webUrl: expect.stringContaining(there.forge.url),
        mergeable: 'mergeable',
        mergeableBecause: expect.stringMatching(/./),
        mergeCommit: null,
        approvals: [],
      })
    })

    it('keeps its head under a name for git, and follows its source', async () => {
      const { source, head, iid } = await opened()
      expect(await there.forge.ref(bot().headRef(iid))).toBe(head)
      const next = await there.forge.push(source, 'More')
      await vi.waitFor(async () => expect((await read(iid)).head).toBe(next), { timeout: 10_000 })
      expect(await there.forge.ref(bot().headRef(iid))).toBe(next)
    })

    it('that is not there is null', async () => {
      expect(await bot().mergeRequest(id(), 4711)).toBeNull()
    })

    it('that is a draft, or in conflict, says so', async () => {
      const draft = await opened({ draft: true })
      await settles(draft.iid)
      expect(await read(draft.iid)).toMatchObject({ draft: true, mergeable: 'blocked' })
      const { source } = await feature({ clash: 'theirs\n' })
      await there.forge.push('develop', 'Clash', { files: { clash: 'ours\n' } })
      const iid = await there.forge.openMergeRequest({ source, target: 'develop', title: 'Clash' })
      await settles(iid)
      expect(await read(iid)).toMatchObject({ mergeable: 'conflict' })
    })

    it('of a fork says where it comes from, and its head is here for git', async ({ skip }) => {
      if (!there.traits.forks) skip('this kind of forge has no forks')
      const { source, head, iid } = await opened({ fork: true })
      const found = await read(iid)
      expect(found).toMatchObject({ fork: true, source, head, author: { id: there.forge.developer.id } })
      expect(found.sourcePath).toMatch(/.\/./)
      expect(found.sourcePath).not.toBe(there.forge.path)
      expect(await there.forge.ref(bot().headRef(iid))).toBe(head)
    })

    it('is listed while it is open, newest first', async () => {
      const first = await opened()
      const second = await opened()
      const listed = await bot().openMergeRequests(id())
      expect(listed.slice(0, 2)).toEqual([second.iid, first.iid])
      await there.forge.closeMergeRequest(second.iid)
      expect(await bot().openMergeRequests(id())).not.toContain(second.iid)
      expect(await read(second.iid)).toMatchObject({ status: 'closed', mergeCommit: null, merger: null })
    })
  })

  describe('opening one', () => {
    it('twice is the same one; once it is closed, another', async () => {
      const { source, head } = await feature()
      const wanted = { source, target: 'develop', title: 'Bring it back', description: 'It went to production.' }
      const first = await bot().openMergeRequest(id(), wanted)
      expect(await bot().openMergeRequest(id(), { ...wanted, title: 'Again' })).toEqual(first)
      const author = { id: there.forge.maintainer.id, name: there.forge.maintainer.username }
      expect(await read(first.iid)).toMatchObject({ title: 'Bring it back', source, target: 'develop', head, author })
      expect(first.webUrl).toBe((await read(first.iid)).webUrl)
      await there.forge.closeMergeRequest(first.iid)
      expect((await bot().openMergeRequest(id(), wanted)).iid).not.toBe(first.iid)
    })

    it('from a branch that is not there is refused', async () => {
      const wanted = { source: 'feature/nowhere', target: 'develop', title: 'No', description: '' }
      await expect(bot().openMergeRequest(id(), wanted)).rejects.toMatchObject({ code: 'forge.refused' })
    })
  })

  describe('approving', () => {
    it('approves what was seen, and twice is quiet', async () => {
      const { head, iid } = await opened()
      expect(await bot().approve(id(), iid, head)).toMatchObject({ ok: true })
      expect(await bot().approve(id(), iid, head)).toMatchObject({ ok: true })
      const { maintainer } = there.forge
      const approvals = there.traits.approvals ? [{ id: maintainer.id, name: maintainer.username }] : []
      expect((await read(iid)).approvals).toEqual(approvals)
    })

    it('is refused where the head moved, with the reason', async ({ skip }) => {
      if (!there.traits.approvals) skip('this kind of forge has no approvals')
      const { source, head, iid } = await opened()
      const next = await there.forge.push(source, 'Sneak it in')
      await vi.waitFor(async () => expect((await read(iid)).head).toBe(next), { timeout: 10_000 })
      expect(await bot().approve(id(), iid, head)).toEqual({ ok: false, because: expect.stringContaining(head) })
      expect((await read(iid)).approvals).toEqual([])
    })
  })

  describe('merging', () => {
    const landed = async () => (await there.forge.ref('refs/heads/develop')) ?? expect.fail('no develop')

    it.for<[MergeMethod, number]>([
      ['merge', 2],
      ['squash', 1],
      ['fast-forward', 1],
    ])('by %s says what came onto the target', async ([method, parents], { skip }) => {
      if (!there.traits.mergeMethods.includes(method)) skip(`this kind of forge does not merge by ${method}`)
      await there.forge.mergeBy(method)
      const { source } = await feature()
      const head = await there.forge.push(source, 'A second commit')
      const iid = await there.forge.openMergeRequest({ source, target: 'develop', title: `By ${method}` })
      expect(await bot().merge(id(), iid, head, 'Merge it')).toMatchObject({ ok: true })
      const merged = await read(iid)
      const { maintainer } = there.forge
      expect(merged).toMatchObject({ status: 'merged', head, merger: { id: maintainer.id } })
      expect(merged.mergeCommit).toBe(await landed())
      const commit = await there.forge.commit(await landed())
      if (method === 'fast-forward') expect(merged.mergeCommit).toBe(head)
      else expect(merged.mergeCommit).not.toBe(head)
      // GitLab squashes below a merge commit; what counts is that the tree is the head's.
      if (method !== 'squash') expect(commit.parents).toHaveLength(parents)
      expect(commit.tree).toBe((await there.forge.commit(head)).tree)
    })

    it('twice is quiet', async () => {
      const { head, iid } = await opened()
      expect(await bot().merge(id(), iid, head, '')).toMatchObject({ ok: true })
      const after = await landed()
      expect(await bot().merge(id(), iid, head, '')).toMatchObject({ ok: true })
      expect(await bot().merge(id(), iid, ABSENT, '')).toMatchObject({ ok: false })
      expect(await landed()).toBe(after)
    })

    it('right after opening waits until the forge has looked', async () => {
      there.forge.fallIll({ checkingMs: 700 })
      const { head, iid } = await opened()
      expect((await read(iid)).mergeable).toBe('checking')
      expect(await bot().merge(id(), iid, head, '')).toMatchObject({ ok: true })
      expect((await read(iid)).status).toBe('merged')
    })

    it('is refused where the head moved: what merges is what was seen', async () => {
      const { source, head, iid } = await opened()
      const next = await there.forge.push(source, 'Sneak it in')
      await vi.waitFor(async () => expect((await read(iid)).head).toBe(next), { timeout: 10_000 })
      const before = await landed()
      expect(await bot().merge(id(), iid, head, '')).toEqual({ ok: false, because: expect.stringContaining(next) })
      expect(await landed()).toBe(before)
    })

    it('a draft, a conflict, or a closed one is refused, each with its reason', async () => {
      const draft = await opened({ draft: true })
      expect(await bot().merge(id(), draft.iid, draft.head, '')).toMatchObject({
        ok: false,
        because: expect.stringMatching(/draft/),
      })
      const closed = await opened()
      await there.forge.closeMergeRequest(closed.iid)
      expect(await bot().merge(id(), closed.iid, closed.head, '')).toMatchObject({
        ok: false,
        because: expect.stringMatching(/closed/),
      })
      const { source, head } = await feature({ collision: 'theirs\n' })
      await there.forge.push('develop', 'Clash', { files: { collision: 'ours\n' } })
      const iid = await there.forge.openMergeRequest({ source, target: 'develop', title: 'Clash' })
      expect(await bot().merge(id(), iid, head, '')).toMatchObject({
        ok: false,
        because: expect.stringMatching(/conflict/),
      })
    })

    it('one that is not there is refused', async () => {
      expect(await bot().merge(id(), 4711, ABSENT, '')).toMatchObject({ ok: false })
    })

    it('two at once merge it once', async () => {
      const { head, iid } = await opened()
      const before = await landed()
      const both = await Promise.all([bot().merge(id(), iid, head, ''), dev().merge(id(), iid, head, '')])
      expect(both).toMatchObject([{ ok: true }, { ok: true }])
      expect((await there.forge.commit(await landed())).parents).toEqual([before, head])
    })
  })

  describe('a note', () => {
    it('is written once and then changed, and made anew where somebody deleted it', async () => {
      const { iid } = await opened()
      const first = await bot().writeNote(id(), iid, { id: null, body: 'Run 1: building' })
      const second = await bot().writeNote(id(), iid, { id: first.id, body: 'Run 1: **passed**' })
      expect(second).toEqual(first)
      expect(await there.forge.notes(iid)).toEqual([{ id: String(first.id), body: 'Run 1: **passed**' }])
      await there.forge.deleteNote(iid, String(first.id))
      const third = await bot().writeNote(id(), iid, { id: first.id, body: 'Run 2: building' })
      expect(third.id).not.toBe(first.id)
      expect(await there.forge.notes(iid)).toEqual([{ id: String(third.id), body: 'Run 2: building' }])
    })
  })
})
