import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { agreePolicy } from '../../environments/agree-policy'
import { applyPolicyChange } from '../../environments/apply-policy'
import { EnvironmentPolicy } from '../../environments/environment'
import { policyAsYaml } from '../../environments/policy-yaml'
import type { Context } from '../../pipelines/context'
import { agreed } from '../policies'
import { openTown, type Town } from './browser'

const PLACE = 12
const RULES = { approvals: [{ role: 'ops', count: 1 }], remind: '2h' }
let town: Town
let trail: string
let worker: Context
beforeAll(async () => {
  town = await openTown()
  trail = mkdtempSync(join(tmpdir(), 'shiplock-policies-'))
  const { record, signer, trust } = town
  worker = { record, signer, trust, trail, worker: 'w1' } as unknown as Context
  // No passkeys here: how an answer is signed is tried in approvals.test.ts.
  await agreed(record, { keys: town.keys, trail }, PLACE, RULES)
})
afterAll(async () => {
  await town?.close()
  rmSync(trail, { recursive: true, force: true })
})
/** What a refused proposal leaves in the browser's console, which the page tells as well. */
const REFUSED = /the server responded with a status of 4(03|09|22)/
afterEach(() => expect(town.complaints().filter((text) => !REFUSED.test(text))).toEqual([]))

const policyNow = async () =>
  EnvironmentPolicy.parse(
    (await town.record.db.environment.findUniqueOrThrow({ where: { id: PLACE }, select: { policy: true } })).policy,
  )
const versionNow = async () =>
  (await town.record.db.environment.findUniqueOrThrow({ where: { id: PLACE }, select: { policyVersion: true } }))
    .policyVersion
const policyPage = `/environments/${PLACE}/policy`
const dialog = (page: Page) => page.getByRole('dialog')
const whyBeside = async (page: Page, button: Locator) =>
  page.locator(`[id="${await button.getAttribute('aria-describedby')}"]`).textContent()

async function propose(page: Page, yaml: string, why: string) {
  const field = page.getByLabel('The whole policy, as YAML')
  if (!(await field.isVisible())) await page.getByText('Propose a change', { exact: true }).click()
  await field.fill(yaml)
  await page.getByLabel('Why', { exact: true }).fill(why)
  await page.getByRole('button', { name: 'Propose for production' }).click()
}

describe('the policy of an environment', () => {
  it('is told in words, as a file, and with what was before', async () => {
    const page = await town.visit('vera', `/environments/${PLACE}`)
    await page.getByRole('link', { name: 'Policy' }).click()
    await page.getByRole('heading', { level: 1, name: 'Policy of Production of shop/checkout' }).waitFor()
    await page.getByText(`Version ${await versionNow()} is in force`).waitFor()
    await page.getByRole('region', { name: 'What it says' }).getByText('1 of Operations').waitFor()
    const file = page.getByRole('region', { name: 'As a file' }).locator('pre')
    expect(await file.textContent()).toBe(policyAsYaml(await policyNow()))
    const versions = page.getByRole('list', { name: 'Versions' }).getByRole('listitem')
    await versions.first().getByText('the test wants it so').click()
    await versions.first().getByRole('rowheader', { name: 'remind' }).first().waitFor()
    await page.context().close()
  })

  it('cannot be proposed by a viewer, who is told whose it is', async () => {
    const page = await town.visit('vera', policyPage)
    await page.getByText('Propose a change', { exact: true }).click()
    const button = page.getByRole('button', { name: 'Propose for production' })
    expect(await button.isDisabled()).toBe(true)
    expect(await whyBeside(page, button)).toContain('Your role (Viewer) may not do this')
    await page.context().close()
  })

  it('that has mistakes is refused with each of them and its line', async () => {
    const page = await town.visit('otto', policyPage)
    const yaml = policyAsYaml(await policyNow())
    await propose(page, yaml.replace('start: ', 'strat: '), 'a slip of the finger')
    await page.getByRole('alert').getByText('strat: is not known here; did you mean `start`?').waitFor()
    await propose(page, yaml, 'nothing at all')
    await page.getByRole('alert').getByText('that is the policy that production has already').waitFor()
    await page.context().close()
  })

  it('is another one once somebody else has agreed who signs there, and never its author', async () => {
    const before = await versionNow()
    const yaml = policyAsYaml({ ...(await policyNow()), replicas: 4 })
    const author = await town.visit('otto', policyPage)
    await propose(author, yaml, 'four of them for the sale')
    const change = author.getByRole('article', { name: /^Change #\d+$/ })
    await change.getByText('four of them for the sale').waitFor()
    await change.getByRole('row').filter({ hasText: 'replicas' }).getByText('4').waitFor()
    const approve = change.getByRole('button', { name: /^Approve/ })
    expect(await approve.isDisabled()).toBe(true)
    expect(await whyBeside(author, approve)).toContain('you proposed this change')
    expect(await author.getByRole('button', { name: 'Propose for production' }).isDisabled()).toBe(true)

    const { id } = await town.record.db.policyChange.findFirstOrThrow({ orderBy: { id: 'desc' }, select: { id: true } })
    await applyPolicyChange(worker, id)
    expect(await versionNow()).toBe(before)
    const signer = await town.visit('olga', '/approvals')
    await signer.getByRole('link', { name: 'Change the policy of production in shop/checkout' }).click()
    await signer.getByRole('button', { name: /^Approve/ }).click()
    await dialog(signer)
      .getByRole('button', { name: /^Approve/ })
      .click()
    await signer.getByText('1 of 1').first().waitFor()
    await applyPolicyChange(worker, id)
    expect(await versionNow()).toBe(before + 1)
    await author.getByText(`Version ${before + 1} is in force`).waitFor()
    await author.getByRole('list', { name: 'Versions' }).getByText('four of them for the sale').waitFor()
    await author.context().close()
    await signer.context().close()
  })

  it('that somebody edited in the database is no policy, says so, and is put back', async () => {
    await town.record.pool.query(
      `UPDATE "Environment" SET policy = jsonb_set(policy, '{approvals}', '[]') || '{"start": "automatic"}' WHERE id = $1`,
      [PLACE],
    )
    const page = await town.visit('olga', policyPage)
    await page.getByText('Nothing is deployed by this policy').waitFor()
    await page.getByText('somebody changed it in the database').waitFor()
    await page.getByRole('button', { name: 'Put the agreed policy back' }).click()
    await expect
      .poll(() => town.record.db.auditEntry.count({ where: { kind: 'environment.ask-policy', subjectId: PLACE } }))
      .toBe(1)
    await agreePolicy(worker, PLACE)
    await page.getByText('Nothing is deployed by this policy').waitFor({ state: 'detached' })
    expect((await policyNow()).approvals).toHaveLength(1)
    await page.context().close()
  })
})

describe('the emergency stop', () => {
  it('of an environment takes a reason, is told on the board, and operations let it go on', async () => {
    const page = await town.visit('owen', `/environments/${PLACE}`)
    await page.getByRole('button', { name: 'Stop…' }).click()
    await dialog(page).getByLabel('Reason').fill('prices are wrong')
    await dialog(page).getByRole('button', { name: 'Stop production' }).click()
    await page.getByText('Stopped by owen: prices are wrong').waitFor()
    const go = page.getByRole('button', { name: 'Let it go on…' })
    expect(await go.isDisabled()).toBe(true)
    expect(await whyBeside(page, go)).toContain('Your role (Project owner) may not do this')
    await page.context().close()

    const ops = await town.visit('olga', '/')
    const lock = ops.getByRole('article', { name: 'shop/checkout: Production' })
    await lock.getByText('Stopped by owen: prices are wrong').waitFor()
    await lock.getByRole('button', { name: 'Let it go on…' }).click()
    await dialog(ops).getByLabel('Reason').fill('they are right')
    await dialog(ops).getByRole('button', { name: 'Let production go on' }).click()
    await lock.getByText('Stopped by owen').waitFor({ state: 'detached' })
    await ops.context().close()
  })

  it('of everything asks for a typed word, and nobody who may not use it sees it', async () => {
    const viewer = await town.visit('vera', '/')
    await viewer.getByRole('heading', { level: 1 }).waitFor()
    expect(await viewer.getByRole('button', { name: 'Stop everything…' }).count()).toBe(0)

    const page = await town.visit('owen', '/')
    await page.getByRole('button', { name: 'Stop everything…' }).click()
    await dialog(page).getByLabel('Reason').fill('fire drill')
    const sure = dialog(page).getByRole('button', { name: 'Stop everything' })
    await sure.click()
    const typed = dialog(page).getByLabel('Type stop to confirm')
    expect(await typed.evaluate((input: HTMLInputElement) => input.validity.valueMissing)).toBe(true)
    expect((await town.record.db.installation.findFirstOrThrow()).stoppedAt).toBeNull()
    await typed.fill('stop')
    await sure.click()
    await page.getByText('Everything is stopped by owen: fire drill').waitFor()
    expect(await page.getByRole('button', { name: 'Stop everything…' }).count()).toBe(0)
    await viewer.getByText('Everything is stopped by owen: fire drill').waitFor()
    expect(await viewer.getByRole('button', { name: 'Let everything go on' }).isDisabled()).toBe(true)

    const ops = await town.visit('olga', '/')
    await ops.getByRole('button', { name: 'Let everything go on' }).click()
    await dialog(ops).getByLabel('Reason').fill('the drill is over')
    await dialog(ops).getByRole('button', { name: 'Let everything go on' }).click()
    await ops.getByText('Everything is stopped').waitFor({ state: 'detached' })
    for (const one of [viewer, page, ops]) await one.context().close()
  })
})

describe('an environment', () => {
  it('says in three colours whether it is open, and announces a freeze before it begins', async () => {
    const banner = (page: Page, text: RegExp) => page.getByRole('article').getByText(text).first()
    await town.record.db.environment.update({ where: { id: PLACE }, data: { heldAt: null } })
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)
    const after = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10)
    const soon = { from: `${tomorrow} 12:00`, to: `${after} 12:00`, reason: 'the big sale' }
    await agreed(town.record, { keys: town.keys, trail }, PLACE, { freeze: [soon] })
    const page = await town.visit('vera', `/environments/${PLACE}`)
    await banner(page, /^Open for deployments: nothing keeps it closed$/).waitFor()
    await banner(page, /^Freezes soon: the big sale$/).waitFor()
    const now = { from: '2026-01-01 00:00', to: '2099-01-01 00:00', reason: 'stocktaking' }
    await agreed(town.record, { keys: town.keys, trail }, PLACE, { freeze: [now] })
    await banner(page, /^Frozen: stocktaking$/).waitFor()
    await banner(page, /^Reopens/).waitFor()
    expect(await page.getByText('Open for deployments: nothing keeps it closed').count()).toBe(0)
    await agreed(town.record, { keys: town.keys, trail }, PLACE, { freeze: [] })
    await page.context().close()
  })
})
