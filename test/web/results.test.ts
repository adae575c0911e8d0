import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openTown, type Town } from './browser'
import { DELIVERIES, FAILED_OUTPUT, MERGE_REQUESTS } from './seed-merge-requests'

let town: Town
beforeAll(async () => {
  town = await openTown()
})
afterAll(() => town?.close())
afterEach(() => expect(town.complaints()).toEqual([]))

describe('the results of a run', () => {
  it('show the case that failed first, with its output', async () => {
    const page = await town.visit('vera', '/runs/902')
    const results = page.getByRole('region', { name: 'Unit tests: results' })
    await results.getByText('1 failed', { exact: true }).waitFor()
    const suite = results.getByRole('list', { name: 'coupons' }).first()
    const first = suite.getByRole('listitem').first()
    await first.getByText('expected 1999 to be 2000', { exact: true }).waitFor()
    const output = first.getByRole('region', { name: 'Output of a coupon never takes more than the basket is worth' })
    expect(await output.textContent()).toBe(FAILED_OUTPUT)
    await results.getByText('reports/broken.xml, line 12', { exact: false }).waitFor()
    // What passed stands behind a line.
    expect(await results.getByText('coupons case 1', { exact: true }).isVisible()).toBe(false)
    await results.getByText('17 others').click()
    await results.getByText('coupons case 1', { exact: true }).waitFor()
    await page.context().close()
  })

  it('name the container beside a stage and its cache', async () => {
    const page = await town.visit('vera', '/runs/902')
    const stages = page.getByRole('region', { name: 'Stages' })
    await stages.getByText('postgres:17').waitFor()
    await stages.getByText('/root/.npm').waitFor()
    await page.context().close()
  })

  it('offer the files that a stage left', async () => {
    const page = await town.visit('vera', '/runs/902')
    const download = page.waitForEvent('download')
    await page.getByRole('link', { name: 'Download coverage/lcov.info' }).click()
    expect((await download).suggestedFilename()).toBe('lcov.info')
    await page.context().close()
  })

  it('say that the webhook never came, and lead to the merge request', async () => {
    const page = await town.visit('vera', '/runs/902')
    await page.getByText('Its webhook never came').waitFor()
    const link = page.getByRole('link', { name: /^!208 Merge feature\/SHOP-433-coupons into develop/ })
    expect(await link.getAttribute('href')).toBe(`/merge-requests/${MERGE_REQUESTS.failing}`)
    await page.context().close()
  })

  it('of a fork: a viewer sees that an owner must say go, and cannot', async () => {
    const page = await town.visit('vera', '/runs/903')
    await page.getByText('From a fork: only static checks, nothing is built from it').waitFor()
    const go = page.getByRole('button', { name: /^Check [0-9a-f]{8} of the fork$/ })
    expect(await go.isDisabled()).toBe(true)
    await page.getByText('Your role (Viewer) may not say go. A project owner can.').waitFor()
    await page.context().close()
  })
})

describe('the inbox', () => {
  it('is filtered by decision without a script', async () => {
    const page = await town.visit('vera', '/deliveries', { javaScriptEnabled: false })
    await page.getByRole('navigation', { name: 'Decision' }).getByRole('link', { name: 'Refused' }).click()
    const list = page.getByRole('list', { name: 'Deliveries, newest first' })
    await list.getByText('the branch has no place in the flow').waitFor()
    expect(await list.getByText('Accepted', { exact: true }).count()).toBe(0)
    await page.context().close()
  })

  it('leads from a delivery to the merge request that it was about', async () => {
    const page = await town.visit('vera', `/deliveries/${DELIVERIES.mergeRequest}`)
    await page.getByRole('main').getByRole('link', { name: '!201' }).click()
    await page.getByRole('heading', { level: 1, name: /!201$/ }).waitFor()
    await page.context().close()
  })

  it('shows the body, and replays it: the outcome is said, and stays', async () => {
    const page = await town.visit('olga', `/deliveries/${DELIVERIES.push}`)
    await page.getByRole('region', { name: 'What the forge sent' }).getByText('refs/heads/experiment-redis').waitFor()
    await page.getByRole('button', { name: `Replay delivery #${DELIVERIES.push}` }).click()
    await page
      .getByText(/refused: the branch has no place in the flow: Git-flow knows/)
      .first()
      .waitFor()
    const replays = page.getByRole('list', { name: 'Replays' }).getByRole('listitem')
    await replays.getByText('by olga').waitFor()
    await replays.getByRole('link', { name: /^Delivery #/ }).click()
    await page.getByRole('link', { name: `Replay of #${DELIVERIES.push}` }).waitFor()
    await page.context().close()
  })

  it('says of a body that is no longer kept that it cannot be replayed', async () => {
    const page = await town.visit('olga', `/deliveries/${DELIVERIES.forgotten}`)
    const replay = page.getByRole('button', { name: `Replay delivery #${DELIVERIES.forgotten}` })
    await replay.waitFor()
    expect(await replay.isDisabled()).toBe(true)
    await page.getByText('The body is no longer kept, so it cannot be judged again.').first().waitFor()
    await page.context().close()
  })

  it('is replayed by owners and operations alone, and others are told so', async () => {
    const page = await town.visit('dev', `/deliveries/${DELIVERIES.push}`)
    await page.getByText('Your role (Developer) may not replay. A project owner or operations can.').waitFor()
    await page.context().close()
  })
})
