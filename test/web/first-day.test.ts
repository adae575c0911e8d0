import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTown, type Town } from './browser'

// A file of its own: a process holds one open record for its pages.
let town: Town
beforeAll(async () => {
  town = await openTown({ empty: true })
})
afterAll(() => town?.close())

describe('an empty record', () => {
  it('tells the next step, and a refused connection keeps what was typed', async () => {
    const page = await town.visit('ann', '/')
    await page.getByRole('link', { name: 'Connect a repository' }).click()
    await page.getByLabel('Address of the forge').fill('https://gitlab.example.com')
    await page.getByLabel('Repository', { exact: true }).fill('shop/checkout')
    await page.getByLabel('Access token').fill('glpat-nothing')
    expect(town.complaints()).toEqual([])
    await page.getByRole('button', { name: 'Connect repository' }).click()
    // There are no keys to seal with here: what matters is that the refusal is told, and the form stays.
    await page.getByText('The repository was not connected').waitFor()
    expect(await page.getByLabel('Repository', { exact: true }).inputValue()).toBe('shop/checkout')
    await page.context().close()
  })

  it.each(['/runs', '/deliveries', '/projects'])('says on %s what will be there', async (path) => {
    const page = await town.visit('vera', path)
    await page.getByRole('main').getByRole('heading', { level: 2 }).waitFor()
    town.complaints()
    await page.context().close()
  })
})
