// The contract of the forges' webhooks: made, verified, and read alike, whatever the forge calls things.
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { ForgeEvent } from '../../pipelines/forges/forge'
import { describeForges, faultOf, SECRETS, ZEROS } from './forge-contract'

describeForges((there) => {
  const bot = () => there.as(there.forge.maintainer)
  const id = () => there.forge.projectId
  const arrive = (count: number) =>
    vi.waitFor(() => expect(there.forge.deliveries).toHaveLength(count), { timeout: 10_000, interval: 20 })

  /** The one delivery that came. */
  async function delivery() {
    await arrive(1)
    const [{ headers, body } = expect.fail('nothing came')] = there.forge.deliveries
    return { headers, body }
  }

  beforeEach(async () => {
    await bot().ensureHook(id(), there.forge.hookUrl, SECRETS)
    await there.forge.idle()
    there.forge.deliveries.length = 0
  })

  describe('a webhook', () => {
    it('is made once, however often it is asked for', async () => {
      const first = await bot().ensureHook(id(), there.forge.hookUrl, SECRETS)
      expect(first.signed).toBe(true)
      expect(await bot().ensureHook(id(), there.forge.hookUrl, SECRETS)).toEqual(first)
      expect(await bot().hookState(id(), first.id)).toMatchObject({ alive: true })
      await there.forge.idle()
      there.forge.deliveries.length = 0
      const commit = await there.forge.push('develop', 'Ring once')
      const { body } = await delivery()
      await there.forge.idle()
      expect(there.forge.deliveries).toHaveLength(1)
      expect(body.toString()).toContain(commit)
    })

    it('that is not there is not alive, and says so', async () => {
      const state = await bot().hookState(id(), 4711)
      expect(state).toEqual({ alive: false, because: expect.stringContaining('gone') })
    })

    it('needs the right to make it', async () => {
      const { developer, hookUrl } = there.forge
      const fault = await faultOf(
        there.as(developer).ensureHook(id(), hookUrl, SECRETS),
        developer.token,
        SECRETS.token,
      )
      expect(fault.code).toMatch(/^forge\.(denied|missing)$/)
    })

    it('at an address that is none is refused', async () => {
      expect((await faultOf(bot().ensureHook(id(), 'nowhere', SECRETS))).code).toBe('forge.refused')
    })

    it('is refused with other secrets, or with another body', async () => {
      await there.forge.push('develop', 'Keep out')
      const { headers, body } = await delivery()
      const signed = { ...SECRETS, signed: true }
      expect(there.intake.hasSecret(headers)).toBe(true)
      expect(await there.intake.verify(headers, body, signed, Date.now())).toBe(true)
      const longer = Buffer.concat([body, Buffer.from(' ')])
      expect(await there.intake.verify(headers, longer, signed, Date.now())).toBe(false)
      const other = { token: 'another-token', signingKey: Buffer.alloc(32), signed: true }
      expect(await there.intake.verify(headers, body, other, Date.now())).toBe(false)
    })

    it('follows a change of its secrets', async () => {
      const other = { token: 'another-token', signingKey: Buffer.alloc(32, 9) }
      await bot().ensureHook(id(), there.forge.hookUrl, other)
      await there.forge.idle()
      there.forge.deliveries.length = 0
      await there.forge.push('develop', 'New locks')
      const { headers, body } = await delivery()
      expect(await there.intake.verify(headers, body, { ...other, signed: true }, Date.now())).toBe(true)
      expect(await there.intake.verify(headers, body, { ...SECRETS, signed: true }, Date.now())).toBe(false)
    })

    it('keeps the name of a delivery when it comes twice', async () => {
      there.forge.fallIll({ twice: true })
      await there.forge.push('develop', 'Twice')
      await arrive(2)
      const keys = there.forge.deliveries.map(({ headers }) => there.intake.deliveryKey(headers))
      expect(keys[0]).toMatch(/.{8}/)
      expect(keys[1]).toBe(keys[0])
    })

    it('is understood again, from the inbox, by the name that was kept of it', async () => {
      await there.forge.push('develop', 'Again')
      const { headers, body } = await delivery()
      const name = there.intake.eventName(headers)
      expect(name).toBe(there.traits.eventNames.push)
      expect(there.intake.parse(there.intake.headersOf(name), body)).toEqual(there.intake.parse(headers, body))
    })
  })

  describe('a push', () => {
    it('is told of as git and the forge tell of it', async () => {
      const before = await there.forge.push('develop', 'Before')
      await arrive(1)
      let commit = ''
      const event = await there.eventOf(async () => {
        commit = await there.forge.push('develop', 'Say the same\n\nthrice')
      })
      const { path, developer } = there.forge
      expect(event).toEqual({
        kind: 'push',
        forgeProjectId: id(),
        path,
        branch: 'develop',
        before,
        after: commit,
        title: 'Say the same',
        // Who pushed, as the forge knows it; not who the commit says wrote it.
        pusherId: developer.id,
        pusherName: developer.username,
        skip: false,
      })
      expect(await bot().head(id(), 'develop')).toEqual({ commit, title: 'Say the same' })
    })

    it('may make a branch, and delete one', async () => {
      let commit = ''
      const made = await there.eventOf(async () => {
        commit = await there.forge.push('release/1.0', 'Cut it', { onto: 'develop' })
      })
      expect(made).toMatchObject({ kind: 'push', branch: 'release/1.0', before: ZEROS, after: commit })
      const gone = await there.eventOf(() => there.forge.deleteBranch('release/1.0'))
      expect(gone).toMatchObject({ kind: 'push', branch: 'release/1.0', before: commit, after: ZEROS })
    })

    it('may ask for no run', async ({ skip }) => {
      if (!there.traits.skips) skip('this kind of forge has no such option')
      const event = await there.eventOf(() => there.forge.push('feature/quiet', 'Hush', { skip: true }))
      expect(event).toMatchObject({ kind: 'push', skip: true })
    })
  })

  describe('a tag', () => {
    const isTag = (event: ForgeEvent) => event.kind === 'tag'

    it.each([
      ['annotated', 'Release 1.0'],
      ['lightweight', undefined],
    ])('that is %s names its commit, made and deleted', async (_kind, message) => {
      const commit = await there.forge.push('develop', 'To be tagged')
      await arrive(1)
      const { path, developer } = there.forge
      const name = message === undefined ? 'v1.0' : 'V1.0_202611211304'
      const made = await there.eventOf(() => there.forge.pushTag(name, commit, message), isTag)
      expect(made).toEqual({
        kind: 'tag',
        forgeProjectId: id(),
        path,
        name,
        before: ZEROS,
        after: expect.stringMatching(/^[0-9a-f]{40}$/),
        commit,
        pusherId: developer.id,
        pusherName: developer.username,
      })
      expect(await bot().tag(id(), name)).toEqual({ commit })
      const gone = await there.eventOf(() => there.forge.deleteTag(name), isTag)
      expect(gone).toMatchObject({ kind: 'tag', name, after: ZEROS, commit: null })
      expect(await bot().tag(id(), name)).toBeNull()
    })
  })

  describe('a merge request', () => {
    const isRequest = (event: ForgeEvent) => event.kind === 'merge-request'

    it('is told of when it is opened, pushed to, approved, merged and closed', async () => {
      await there.forge.push('develop', 'The ground')
      await there.forge.push('feature/told', 'The work', { onto: 'develop', files: { told: '1' } })
      const wanted = { source: 'feature/told', target: 'develop', title: 'Tell of me' }
      let iid = 0
      const opened = await there.eventOf(async () => {
        iid = await there.forge.openMergeRequest(wanted)
      }, isRequest)
      const { path, developer, maintainer } = there.forge
      expect(opened).toEqual({
        kind: 'merge-request',
        forgeProjectId: id(),
        path,
        iid,
        action: expect.stringMatching(/^open/),
        title: 'Tell of me',
        source: 'feature/told',
        target: 'develop',
        actorId: developer.id,
        actorName: developer.username,
      })
      let head = ''
      const pushed = await there.eventOf(async () => {
        head = await there.forge.push('feature/told', 'More work')
      }, isRequest)
      expect(pushed).toMatchObject({ iid, actorId: developer.id })
      if (there.traits.approvals) {
        const approved = await there.eventOf(() => bot().approve(id(), iid, head), isRequest)
        expect(approved).toMatchObject({ iid, actorId: maintainer.id })
      }
      const merged = await there.eventOf(() => bot().merge(id(), iid, head, 'Merge it'), isRequest)
      expect(merged).toMatchObject({ iid, actorId: maintainer.id })
      const other = await there.forge.push('feature/not-told', 'Nothing', { onto: 'develop', files: { other: '1' } })
      expect(other).toMatch(/^[0-9a-f]{40}$/)
      const second = await there.forge.openMergeRequest({ ...wanted, source: 'feature/not-told' })
      await there.forge.idle()
      const closed = await there.eventOf(() => there.forge.closeMergeRequest(second), isRequest)
      expect(closed).toMatchObject({ iid: second, action: expect.stringMatching(/^close/), actorId: developer.id })
    })
  })
})
