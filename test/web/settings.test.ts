import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openTown, type Town } from './browser'

let town: Town
beforeAll(async () => {
  town = await openTown()
})
afterAll(() => town?.close())
afterEach(() => expect(town.complaints()).toEqual([]))

describe('the flow of a project', () => {
  const rowOf = (page: Awaited<ReturnType<Town['visit']>>, name: string) =>
    page
      .getByRole('table', { name: 'The flow of this project' })
      .getByRole('row')
      .filter({ has: page.getByRole('rowheader', { name }) })

  it('is told in words, branch by branch', async () => {
    const page = await town.visit('vera', '/projects/1')
    await rowOf(page, 'Feature').getByText('Unit tests where the service file says so', { exact: false }).waitFor()
    await rowOf(page, 'Hotfix').getByText('Prerelease').waitFor()
    await rowOf(page, 'Hotfix').getByText('Goes first in every queue').waitFor()
    await rowOf(page, 'Production').getByText('Takes over the release of the same tree', { exact: false }).waitFor()
    await rowOf(page, 'Anything else').getByText('Refused, with the reason', { exact: false }).waitFor()
    await page.context().close()
  })

  it('is changed by an owner: what is renamed stands in the table', async () => {
    const page = await town.visit('owen', '/projects/2')
    await page.getByText('Change names and policies').click()
    const form = page.getByRole('form', { name: 'Names and policies of this project' })
    await form.getByLabel('Production', { exact: true }).fill('main')
    await form.getByLabel('Ticket patterns of feature branches').fill('CAT-#-*')
    await form.getByLabel('Version tag on production').selectOption('awaited')
    await form.getByRole('button', { name: 'Save the flow' }).click()
    await form.getByText('Saved.', { exact: false }).waitFor()
    await rowOf(page, 'Production').getByText('Production waits until a person has made the version tag').waitFor()
    await rowOf(page, 'Feature').getByText('CAT-#-*').waitFor()
    const { flow } = await town.record.db.project.findUniqueOrThrow({ where: { id: 2 }, select: { flow: true } })
    expect(flow).toMatchObject({ branches: { master: 'main' }, tickets: ['CAT-#-*'], tag: 'awaited', back_merge: true })
    await page.context().close()
  })

  it('says each problem beside its field', async () => {
    const page = await town.visit('owen', '/projects/1')
    await page.getByText('Change names and policies').click()
    const form = page.getByRole('form', { name: 'Names and policies of this project' })
    await form.getByLabel('Feature', { exact: true }).fill('story')
    await form.getByLabel('Ticket patterns of feature branches').fill('SHOP 12')
    await form.getByRole('button', { name: 'Save the flow' }).click()
    await form.getByText('must end in a slash, as in feature/').waitFor()
    const feature = form.getByLabel('Feature', { exact: true })
    expect(await feature.getAttribute('aria-invalid')).toBe('true')
    await form.getByText('may hold letters, digits', { exact: false }).waitFor()
    expect(town.complaints().every((c) => c.includes('422'))).toBe(true)
    await page.context().close()
  })

  it('is not changed by others, who are told so', async () => {
    const page = await town.visit('dev', '/projects/1')
    await page.getByText('Change names and policies').click()
    await page.getByText('Your role (Developer) may not change the flow. A project owner can.').waitFor()
    expect(await page.getByRole('button', { name: 'Save the flow' }).isDisabled()).toBe(true)
    await page.context().close()
  })

  it('shows a check that passed with a warning, and when the branches were compared', async () => {
    const page = await town.visit('vera', '/projects/1')
    const check = page.getByRole('list', { name: 'Checks' }).getByRole('listitem').filter({ hasText: 'Branches' })
    await check.getByText('passed, with a warning').waitFor()
    await check.getByText('Protect release/*', { exact: false }).waitFor()
    await page.getByText('Branches compared').waitFor()
    await page.context().close()
  })

  it('shows the environments in their order', async () => {
    const page = await town.visit('vera', '/projects/1')
    const places = page.getByRole('list', { name: 'Environments' }).locator('> li')
    expect((await places.allTextContents()).map((text) => text.slice(0, 5))).toEqual(['1Test', '2Prer', '3Prod'])
    await places.nth(2).getByText('1 of Operations signs it off').waitFor()
    await page.context().close()
  })
})

describe('connecting', () => {
  it('asks of GitHub for no address, and for owner and repository', async () => {
    const page = await town.visit('ann', '/projects/new')
    await page.getByLabel('GitHub').check()
    await page.getByText('Empty means https://github.com', { exact: false }).waitFor()
    await page.getByLabel('Repository', { exact: true }).fill('harbour/group/checkout')
    await page.getByLabel('Access token').fill('not a token')
    await page.getByRole('button', { name: 'Connect repository' }).click()
    await page.getByRole('alert').getByText('is not of the form owner/repository', { exact: false }).waitFor()
    expect(town.complaints().every((c) => c.includes('422'))).toBe(true)
    await page.context().close()
  })
})

describe('accounts', () => {
  it('are made by an administrator; a generated password is shown once, and opens a session', async () => {
    const page = await town.visit('ann', '/')
    await page.getByRole('link', { name: 'Accounts' }).click()
    await page.getByRole('link', { name: 'Make an account' }).click()
    await page.getByLabel('Name', { exact: true }).fill('petra')
    await page.getByLabel('Role', { exact: true }).selectOption('ops')
    await page.getByLabel('User number on the forge').fill('1742')
    await page.getByRole('button', { name: 'Make the account' }).click()
    const made = page.getByRole('status', { name: 'The account petra is there' })
    const shown = await made.getByRole('button', { name: /Copy Password$/ }).getAttribute('title')
    await made.getByRole('link', { name: 'All accounts' }).click()
    const row = page.getByRole('list', { name: 'Accounts, newest first' }).getByRole('listitem').first()
    await row.getByText('petra').waitFor()
    await row.getByText('forge user 1742').waitFor()
    expect(await page.content()).not.toContain(shown)
    const answer = await fetch(`${town.url}/api/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: town.url },
      body: JSON.stringify({ name: 'petra', password: shown }),
    })
    expect(answer.status).toBe(200)
    await page.context().close()
  })

  it('whose name is taken are refused, in words', async () => {
    const page = await town.visit('ann', '/accounts/new')
    await page.getByLabel('Name', { exact: true }).fill('vera')
    await page.getByLabel('Give one').check()
    await page.getByRole('textbox', { name: 'Password' }).fill('long enough to count')
    await page.getByRole('button', { name: 'Make the account' }).click()
    await page.getByRole('alert').getByText('there is already an account named vera').waitFor()
    expect(town.complaints().every((c) => c.includes('409'))).toBe(true)
    await page.context().close()
  })

  it('are nobody else’s to see: no link, and no page', async () => {
    const page = await town.visit('owen', '/accounts')
    await page.getByRole('heading', { name: 'Not permitted' }).waitFor()
    expect(await page.getByRole('link', { name: 'Accounts' }).count()).toBe(0)
    await page.context().close()
  })
})
