// People in a browser: signing in with the forge, their own account, and what administrators do to accounts.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createAccount } from '../../app/_server/accounts'
import { type DemoForge, startForge } from '../../demo/forge/forge'
import { freePort } from '../free-port'
import { openTown, type Town } from './browser'
import { PASSWORD } from './seed'

let town: Town
let forge: DemoForge
let dir: string
const FORGE_PASSWORD = 'a password on the forge'

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'shiplock-people-'))
  forge = await startForge({ dir })
  const port = await freePort()
  const { id, secret } = forge.addOidcClient({ redirectUris: [`http://localhost:${port}/api/v1/oidc/callback`] })
  for (const username of ['mia', 'noor'])
    await forge.addUser({ username, name: `${username} of the forge`, password: FORGE_PASSWORD })
  town = await openTown({
    port,
    oidc: { issuer: forge.url, clientId: id, clientSecret: secret, name: 'GitLab', role: 'member' },
  })
})
afterAll(async () => {
  await town?.close()
  await forge?.close()
  rmSync(dir, { recursive: true, force: true })
})
afterEach(() => expect(town.complaints()).toEqual([]))

/** At the forge: name, password, and the answer to its question. */
async function atForge(page: Page, username: string, answer: 'Authorize' | 'Deny' = 'Authorize') {
  await page.getByLabel('Username').fill(username)
  await page.getByLabel('Password').fill(FORGE_PASSWORD)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: answer }).click()
}
const withForge = (page: Page) => page.getByRole('link', { name: 'Sign in with GitLab' }).click()

async function signInLocally(name: string, password = PASSWORD, where = '/account') {
  const page = await town.stranger(`/login?next=${where}`)
  await page.getByLabel('Account', { exact: true }).fill(name)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  return page
}
/** The dialog that a button opens, and its button of the same name. */
async function confirm(page: Page, button: string, within = page.getByRole('main')) {
  await within.getByRole('button', { name: button, exact: true }).first().click()
  await page.getByRole('dialog').getByRole('button', { name: button, exact: true }).click()
}

describe('signing in with the forge', () => {
  it('leads there and back to the page that was asked for', async () => {
    const page = await town.stranger('/account')
    await withForge(page)
    await atForge(page, 'mia')
    await page.waitForURL(`${town.url}/account`)
    await page.getByRole('heading', { name: 'mia', level: 1 }).waitFor()
    expect(await page.getByRole('region', { name: 'What you may' }).textContent()).toContain('Nothing yet')
    expect(await page.getByRole('region', { name: 'Where you are signed in' }).textContent()).toMatch(
      /Chrome, Linux\s*this one/,
    )
    // The only way in is not taken away.
    const mine = page.getByRole('region', { name: 'Your identity elsewhere' })
    expect(await mine.getByRole('button', { name: 'Unlink' }).isDisabled()).toBe(true)
    await page.context().close()
  })

  it('says in words that the person said no', async () => {
    const page = await town.stranger('/login?next=/runs')
    await withForge(page)
    await atForge(page, 'mia', 'Deny')
    await page.getByText('GitLab was told not to sign you in here. Nothing was done.').waitFor()
    expect(new URL(page.url()).searchParams.get('next')).toBe('/runs')
    await page.context().close()
  })

  it('is linked to an account that is there, and unlinked', async () => {
    const page = await signInLocally('vera')
    const mine = page.getByRole('region', { name: 'Your identity elsewhere' })
    await mine.getByRole('button', { name: 'Link GitLab' }).click()
    await atForge(page, 'noor')
    await page.waitForURL(`${town.url}/account`)
    await mine.getByText('noor', { exact: true }).waitFor()
    const other = await town.stranger('/account')
    await withForge(other)
    await atForge(other, 'noor')
    await other.getByRole('heading', { name: 'vera', level: 1 }).waitFor()
    await confirm(page, 'Unlink', mine)
    await mine.getByText('None is linked.').waitFor()
    await page.context().close()
    await other.context().close()
  })
})

describe("one's own account", () => {
  it('changes its password with the old one, and is out everywhere else', async () => {
    await createAccount(town.record, { name: 'pia', password: PASSWORD, role: 'viewer' })
    const [here, there] = [await signInLocally('pia'), await signInLocally('pia')]
    await there.getByRole('heading', { name: 'pia', level: 1 }).waitFor()
    const form = here.getByRole('region', { name: 'Password' })
    await form.getByLabel('Old password').fill('not the old one')
    await form.getByLabel('New password').fill('a new good password')
    await form.getByRole('button', { name: 'Change the password' }).click()
    await form.getByText('the old password is wrong').waitFor()
    expect(town.complaints().join()).toContain('403') // the browser itself says so
    await form.getByLabel('Old password').fill(PASSWORD)
    await form.getByRole('button', { name: 'Change the password' }).click()
    await here.getByText('The password is changed').waitFor()
    await there.reload()
    await there.waitForURL(/\/login/)
    await here.context().close()
    await there.context().close()
  })

  it('makes a token that is shown once, with the scopes that were chosen, and revokes it', async () => {
    const page = await town.visit('olga', '/account/tokens')
    const form = page.getByRole('form', { name: 'Make a token' })
    expect(await form.getByLabel('Read', { exact: false }).first().isChecked()).toBe(true)
    await form.getByLabel('What it is for').fill('deploy bot')
    await form.locator('input[value=approve]').check()
    await form.locator('input[value=change]').uncheck()
    await form.getByRole('button', { name: 'Make a token' }).click()
    const shown = page.getByRole('button', { name: /^slk_/ })
    const token = (await shown.textContent())?.trim() ?? ''
    const ask = () => fetch(`${town.url}/api/v1/runs`, { headers: { authorization: `Bearer ${token}` } })
    expect((await ask()).status).toBe(200)
    await page.reload()
    expect(await page.content()).not.toContain(token)
    const list = page.getByRole('region', { name: 'Your tokens, newest first' })
    expect(await list.textContent()).toMatch(/deploy bot.*Read · Approve.*last used/s)
    await confirm(page, 'Revoke', list)
    await list.getByText('You have no tokens.').waitFor()
    expect((await ask()).status).toBe(401)
    await page.context().close()
  })
})

describe('an administrator', () => {
  it('grants a role in a project, which whoever has it sees at once, and takes it back', async () => {
    const { id } = await createAccount(town.record, { name: 'gil', password: PASSWORD, role: 'member' })
    const gil = await signInLocally('gil')
    const page = await town.visit('ann', `/accounts/${id}`)
    const roles = page.getByRole('region', { name: 'Roles in projects' })
    await roles.getByText('Grant a role').first().click()
    await roles.getByLabel('Project').selectOption({ label: 'shop/checkout' })
    await roles.getByLabel('Where').selectOption('production')
    await roles.getByLabel('Role').selectOption('ops')
    await roles.getByRole('button', { name: 'Grant a role' }).click()
    await roles.getByRole('link', { name: 'shop/checkout' }).waitFor()
    await gil.reload()
    await gil.getByRole('region', { name: 'What you may' }).getByText('Operations').waitFor()
    const there = await town.visit('ann', '/projects/1')
    expect(await there.getByRole('region', { name: 'People' }).textContent()).toMatch(/gil.*Operations · Production/s)
    await confirm(page, 'Revoke', roles)
    await roles.getByText('No role in any project.').waitFor()
    for (const one of [gil, page, there]) await one.context().close()
  })

  it('disables an account: whoever uses it is out, and is told so when signing in again', async () => {
    const { id } = await createAccount(town.record, { name: 'dan', password: PASSWORD, role: 'viewer' })
    const dan = await signInLocally('dan')
    await dan.getByRole('heading', { name: 'dan', level: 1 }).waitFor()
    const page = await town.visit('ann', `/accounts/${id}`)
    await confirm(page, 'Disable')
    await page.getByText('This account is disabled').waitFor()
    await dan.reload()
    await dan.waitForURL(/\/login/)
    await dan.context().close()
    const again = await signInLocally('dan')
    await again.getByText('the account is disabled', { exact: false }).waitFor()
    for (const one of [again, page]) await one.context().close()
  })

  it('resets a password, which is shown once and opens the account', async () => {
    const { id } = await createAccount(town.record, { name: 'ron', password: PASSWORD, role: 'viewer' })
    const page = await town.visit('ann', `/accounts/${id}`)
    await confirm(page, 'Reset the password')
    const password = (await page.getByRole('alert').getByRole('button').textContent())?.trim() ?? ''
    const ron = await signInLocally('ron', password)
    await ron.getByRole('heading', { name: 'ron', level: 1 }).waitFor()
    for (const one of [ron, page]) await one.context().close()
  })

  it('who is the last one is told why the role stays', async () => {
    const { id } = await town.record.db.account.findUniqueOrThrow({ where: { name: 'ann' } })
    const page = await town.visit('ann', `/accounts/${id}`)
    const role = page.getByRole('region', { name: 'Role for the whole installation' })
    await role.getByLabel('Role').selectOption('viewer')
    await role.getByRole('button', { name: 'Change the role' }).click()
    await role.getByText('this is the last administrator', { exact: false }).waitFor()
    expect(town.complaints().join()).toContain('409') // the browser itself says so
    await page.context().close()
  })

  it('alone sees accounts', async () => {
    const page = await town.visit('owen', '/accounts/1')
    await page.getByText('Only an administrator sees and makes accounts', { exact: false }).waitFor()
    await page.context().close()
  })
})
