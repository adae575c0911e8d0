import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import en from '../../app/_messages/en.json'
import { openTown, type Town } from './browser'
import { DELIVERIES, MERGE_REQUESTS } from './seed-merge-requests'

let town: Town
beforeAll(async () => {
  town = await openTown()
})
afterAll(() => town?.close())
afterEach(() => expect(town.complaints()).toEqual([]))

const run = (kind: string) => town.seeded.runs[kind] ?? 0

/** What stands in place of a word that is missing: its key. */
const KEY = new RegExp(`\\b(${Object.keys(en).join('|')})\\.[a-zA-Z-]+\\b`)

/** Without what programs wrote, and the names of events. Runs in the browser. */
function words(main: Element): string {
  const copy = main.cloneNode(true) as Element
  for (const other of copy.querySelectorAll('code, option, [role="log"]')) other.remove()
  return copy.textContent ?? ''
}

describe('every page', () => {
  const paths = () => [
    '/',
    '/runs',
    `/runs/${run('errored')}`,
    `/runs/${run('deployed')}`,
    '/deliveries',
    '/projects',
    '/projects/1',
    '/projects/3',
    '/projects/new',
    '/promotions',
    '/approvals',
    '/approvals?tab=all',
    `/promotions/${town.seeded.promotions['to sign']}`,
    `/promotions/${town.seeded.promotions.failed}`,
    '/releases',
    `/releases/${town.seeded.runs.deployed}`,
    '/environments/12',
    '/environments/12/policy',
    '/merge-requests',
    `/merge-requests/${MERGE_REQUESTS.ready}`,
    `/merge-requests/${MERGE_REQUESTS.fork}`,
    '/runs/902',
    `/deliveries/${DELIVERIES.push}`,
    '/trail',
    '/trail/0',
    '/accounts',
    '/accounts/new',
    '/accounts/1',
    '/account',
    '/account/tokens',
    '/environments/12/rollback',
  ]

  it('fits a phone without scrolling sideways', async () => {
    const page = await town.visit('ann', '/', { viewport: { width: 390, height: 844 } })
    for (const path of paths()) {
      await page.goto(town.url + path)
      await page.getByRole('main').waitFor()
      expect(
        await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth),
        path,
      ).toBeLessThanOrEqual(0)
    }
    await page.context().close()
  })

  it('loads less than 200 KB of script before it is alive', async () => {
    const page = await town.visit('ann', '/')
    for (const path of paths()) {
      const sizes: Promise<number>[] = []
      page.on('response', (response) => {
        if (response.url().endsWith('.js')) sizes.push(response.body().then((body) => gzipSync(body).length))
      })
      await page.goto(town.url + path, { waitUntil: 'load' })
      const all = (await Promise.all(sizes)).reduce((sum, one) => sum + one, 0)
      expect(all, path).toBeLessThan(200_000)
      page.removeAllListeners('response')
    }
    await page.context().close()
  })

  it('is reached by keyboard: first over the navigation, then through it', async () => {
    const page = await town.visit('ann', '/')
    const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim())
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Skip to content')
    const seen: (string | undefined)[] = []
    for (let i = 0; i < 9; i++) {
      await page.keyboard.press('Tab')
      seen.push(await focused())
    }
    expect(seen).toEqual([
      'Shiplock',
      'Board',
      'Promotions',
      'Approvals',
      'Releases',
      'Merge requests',
      'Runs',
      'Inbox',
      'Projects',
    ])
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Projects' }).waitFor()
    await page.context().close()
  })

  it('speaks 简体中文 where it is asked to, and remembers', async () => {
    const page = await town.visit('ann', '/')
    await page.getByRole('button', { name: '简体中文' }).click()
    await page.getByRole('heading', { level: 1, name: '看板' }).waitFor()
    await page.goto(`${town.url}/runs/${run('deployed')}`)
    await page.getByText('集成测试').first().waitFor()
    expect(await page.locator('html').getAttribute('lang')).toBe('zh-CN')
    await page.context().close()
  })

  it('has every word in 简体中文, dark as well', async () => {
    const page = await town.visit('ann', '/', { locale: 'zh-CN', colorScheme: 'dark' })
    for (const path of paths()) {
      await page.goto(town.url + path)
      await page.getByRole('heading', { level: 1 }).waitFor()
      expect(await page.getByRole('main').evaluate(words), path).not.toMatch(KEY)
      expect(await page.locator('html').getAttribute('lang'), path).toBe('zh-CN')
    }
    await page.context().close()
  })

  it('speaks the language that the browser asks for', async () => {
    const page = await town.stranger('/login', { locale: 'zh-CN' })
    await page.getByRole('button', { name: '登录' }).waitFor()
    await page.context().close()
  })

  it('turns dark at once, and stays so', async () => {
    const page = await town.visit('ann', '/')
    const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
    const light = await ground()
    await page.getByRole('button', { name: 'Dark' }).click()
    const dark = await ground()
    expect(dark).not.toBe(light)
    await page.reload()
    expect(await ground()).toBe(dark)
    await page.context().close()
  })
})
