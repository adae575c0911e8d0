import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openTown, type Town } from './browser'
import { headOf, MERGE_REQUESTS, MOVED, PAIR_BECAUSE } from './seed-merge-requests'

let town: Town
beforeAll(async () => {
  town = await openTown()
})
afterAll(() => town?.close())
afterEach(() => expect(town.complaints()).toEqual([]))

const at = (kind: keyof typeof MERGE_REQUESTS) => `/merge-requests/${MERGE_REQUESTS[kind]}`
const short = (kind: keyof typeof MERGE_REQUESTS) => headOf(kind).slice(0, 8)

describe('merge requests', () => {
  it('are listed open ones first, with what is wrong with them', async () => {
    const page = await town.visit('vera', '/merge-requests', { javaScriptEnabled: false })
    const list = page.getByRole('list', { name: 'Merge requests, newest first' })
    const wrong = list.getByRole('listitem').filter({ hasText: 'Quick change of the footer' })
    await wrong.getByText(PAIR_BECAUSE).waitFor()
    await list.getByText('Prices in Swiss francs').waitFor()
    expect(await list.getByText('Round prices once, at the end').count()).toBe(0)
    await page.getByRole('navigation', { name: 'Status' }).getByRole('link', { name: 'Merged' }).click()
    await list.getByText('Round prices once, at the end').waitFor()
    await page.context().close()
  })

  it('say the verb, the thing and the place', async () => {
    const page = await town.visit('vera', at('ready'))
    await page.getByRole('heading', { level: 1, name: 'Merge feature/SHOP-431-gift-cards into develop !201' }).waitFor()
    expect(await page.title()).toBe('Merge feature/SHOP-431-gift-cards into develop · shop/checkout !201 · Shiplock')
    await page.context().close()
  })

  it('tell the stages of the head, and what its tests came to', async () => {
    const page = await town.visit('vera', at('failing'))
    const stage = page.getByRole('list', { name: 'Stages' }).getByRole('listitem').filter({ hasText: 'Unit tests' })
    await stage.getByText('2 of 58 did not pass').waitFor()
    await page.getByText('its author, Maya Lindqvist: push what mends it').waitFor()
    await page.context().close()
  })

  it('show the gates of what would follow', async () => {
    const page = await town.visit('vera', at('to master'))
    const follows = page.getByRole('region', { name: 'What follows the merge' })
    await follows.getByText('A push to master goes to Production by itself.', { exact: false }).waitFor()
    await follows.getByText('operations (role ops): release the hold').waitFor()
    await page.context().close()
  })

  it('show what the forge refused, and that an approval was of an older head', async () => {
    const page = await town.visit('owen', at('ready'))
    const asked = page.getByRole('list', { name: 'Asked for here' })
    await asked.getByText(MOVED).waitFor()
    await page.getByRole('list', { name: 'Approvals' }).getByText('an older head').waitFor()
    await page.context().close()
  })
})

describe('who may', () => {
  const why = async (page: Awaited<ReturnType<Town['visit']>>, name: string) => {
    const button = page.getByRole('button', { name })
    await button.waitFor()
    expect(await button.isDisabled()).toBe(true)
    return page.locator(`[id="${await button.getAttribute('aria-describedby')}"]`).textContent()
  }

  it('a viewer may neither approve nor merge, and sees who can', async () => {
    const page = await town.visit('vera', at('ready'))
    for (const name of [`Approve ${short('ready')}`, `Merge ${short('ready')} into develop`])
      expect(await why(page, name)).toBe('Your role (Viewer) may not do this. A project owner can.')
    await page.context().close()
  })

  it('nobody approves their own change', async () => {
    const page = await town.visit('owen', at('own'))
    expect(await why(page, `Approve ${short('own')}`)).toContain('it is your own change')
    expect(await why(page, `Merge ${short('own')} into develop`)).toContain('another owner approves it first')
    await page.context().close()
  })

  it('a pair that the flow does not have cannot be merged, and says why', async () => {
    const page = await town.visit('owen', at('wrong pair'))
    expect(await why(page, `Merge ${short('wrong pair')} into master`)).toBe(PAIR_BECAUSE)
    await page.context().close()
  })

  it('a head whose run failed cannot be merged, and names the run', async () => {
    const page = await town.visit('owen', at('failing'))
    expect(await why(page, `Merge ${short('failing')} into develop`)).toContain('run #902')
    await page.context().close()
  })

  it('REST says the same as the page', async () => {
    const page = await town.visit('owen', at('own'))
    const answer = await page.request.post(`${town.url}/api/v1${at('own')}/approve`, {
      data: { head: headOf('own') },
      headers: { origin: town.url },
    })
    expect(answer.status()).toBe(409)
    expect((await answer.json()).error.message).toContain('it is your own change')
    await page.context().close()
  })
})

describe('an owner', () => {
  it('approves exactly the head that is shown', async () => {
    const page = await town.visit('owen', at('ready'))
    await page.getByRole('button', { name: `Approve ${short('ready')}` }).click()
    await page.getByText('owen asked to approve it').waitFor()
    const action = await town.record.db.mergeAction.findFirstOrThrow({ orderBy: { id: 'desc' } })
    expect(action).toMatchObject({ kind: 'approve', head: headOf('ready'), accountName: 'owen', status: 'queued' })
    await page.context().close()
  })

  it('merges after being asked, and sees that it is under way', async () => {
    await town.record.db.mergeAction.updateMany({ where: { status: 'queued' }, data: { status: 'done' } })
    const page = await town.visit('owen', at('ready'))
    const name = `Merge ${short('ready')} into develop`
    await page.getByRole('button', { name }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('if something newer is pushed first, the forge refuses', { exact: false }).waitFor()
    await dialog.getByRole('button', { name }).click()
    await page.getByText('owen asked to merge it').waitFor()
    expect(await page.getByRole('button', { name }).isDisabled()).toBe(true)
    await page.context().close()
  })

  it('is told when the branch has moved on since the page was read', async () => {
    const page = await town.visit('owen', at('to master'))
    await page.getByRole('button', { name: /^Approve / }).waitFor()
    await town.record.db.mergeRequest.update({
      where: { id: MERGE_REQUESTS['to master'] },
      data: { head: headOf('own') },
    })
    await page.getByRole('button', { name: /^Approve / }).click()
    await page.getByRole('alert').getByText('has moved on', { exact: false }).waitFor()
    expect(town.complaints().every((c) => c.includes('409'))).toBe(true)
    await page.context().close()
  })

  it("says go for a fork's checks, and for nothing more", async () => {
    const page = await town.visit('owen', at('fork'))
    await page.getByText('From a fork: only static checks, nothing is built from it').waitFor()
    await page.getByText('an owner must say go', { exact: false }).waitFor()
    await page.getByRole('button', { name: `Check ${short('fork')} of the fork` }).click()
    await page.getByRole('article', { name: 'Run #903' }).getByText('Queued').waitFor()
    expect(await town.record.db.run.findUnique({ where: { id: 903 } })).toMatchObject({ status: 'queued' })
    await page.context().close()
  })
})
