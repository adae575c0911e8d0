// The board shows what was observed, not what was once deployed.
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { openTown, type Town } from './browser'

let town: Town
let environment: number
let tag: string

beforeAll(async () => {
  town = await openTown()
  const { rows } = await town.record.pool.query<{ environment: number; tag: string }>(
    `SELECT o."environmentId" AS environment, l.tag FROM "Observed" o JOIN "Promotion" p ON p.id = o."promotionId" JOIN "Release" l ON l.id = p."releaseId"
     JOIN "Environment" e ON e.id = o."environmentId" WHERE e.name = 'test' ORDER BY o.id LIMIT 1`,
  )
  environment = rows[0]?.environment ?? 0
  tag = rows[0]?.tag ?? ''
})
afterAll(() => town?.close())
afterEach(() => expect(town.complaints()).toEqual([]))

const HEALTHY = {
  health: `'healthy'`,
  because: `'each of 2 replicas answers on /healthz'`,
  digest: 'l.digest',
  url: `'http://127.0.0.1:18081'`,
  unknownSince: 'NULL',
  unknownBecause: `''`,
}
const GONE = { health: `'absent'`, because: `'nothing runs here'`, digest: 'NULL', url: 'NULL' }
/** As a worker would have written it. */
const reading = (over: Partial<typeof HEALTHY & { since: string }>) => {
  const set = Object.entries({ ...HEALTHY, ...over }).map(([column, value]) => `"${column}" = ${value}`)
  return town.record.pool.query(
    `UPDATE "Observed" o SET ${set.join(', ')} FROM "Promotion" p JOIN "Release" l ON l.id = p."releaseId" WHERE p.id = o."promotionId" AND o."environmentId" = $1`,
    [environment],
  )
}
async function textOf(locale: string) {
  const page = await town.visit('olga', `/environments/${environment}`, { locale })
  const text = await page.locator('article').first().textContent()
  await page.context().close()
  return text ?? ''
}

it.each([
  ['healthy', {}, /Healthy/, /健康/],
  [
    'A1: not healthy',
    { health: `'unhealthy'`, because: `'1 of 2 replicas healthy: 1 gone'` },
    /Not healthy: 1 of 2 replicas healthy: 1 gone[\s\S]*It began .*, and was last observed .*asked again every minute/,
    /不健康：1 of 2/,
  ],
  [
    'A2: nothing runs',
    GONE,
    /What was deployed here does not run[\s\S]*nothing runs here[\s\S]*Deployed last:/,
    /部署在这里的版本没有在运行/,
  ],
  [
    'A3: another image runs',
    { digest: `'sha256:${'f'.repeat(64)}'`, url: 'NULL' },
    /Another image runs here: ffffffffffff/,
    /这里运行的是另一个镜像/,
  ],
  [
    'not known',
    {
      unknownSince: `clock_timestamp() - interval '9 minutes'`,
      unknownBecause: `'The Docker engine did not answer a ping'`,
    },
    /What runs here is not known: The Docker engine did not answer a ping[\s\S]*last reading[\s\S]*9m ago/,
    /目前无法得知这里运行的是什么/,
  ],
])('%s', async (_, over, english, chinese) => {
  await reading(over)
  const said = await textOf('en-GB')
  expect(said).toMatch(english)
  expect(said).toContain(tag)
  expect(await textOf('zh-CN')).toMatch(chinese)
})

it('not healthy: what was verified holds no more, and the address that is gone is told', async () => {
  await reading({ health: `'unhealthy'`, because: `'0 of 2 replicas healthy'`, url: 'NULL' })
  const page = await town.visit('olga', `/environments/${environment}`)
  await page.getByText('Was verified', { exact: true }).waitFor()
  expect(await page.getByRole('article').getByText('Verified', { exact: true }).count()).toBe(0)
  const open = page.getByRole('button', { name: 'Open service' })
  expect(await open.isDisabled()).toBe(true)
  await page
    .locator(`#${await open.getAttribute('aria-describedby')}`)
    .getByText('It does not answer')
    .waitFor()
  await page
    .getByRole('article')
    .getByText(/^Not healthy ?· /)
    .waitFor()
  await page.context().close()
})

it('A2: what does not run says when it was deployed, apart from since when it does not, and can be put back there', async () => {
  await reading({ ...GONE, since: `clock_timestamp() - interval '29 seconds'` })
  const { rows } = await town.record.pool.query<{ at: Date; name: string }>(
    `SELECT p."deployedAt" AS at, j.path AS name FROM "Observed" o JOIN "Promotion" p ON p.id = o."promotionId"
     JOIN "Environment" e ON e.id = o."environmentId" JOIN "Project" j ON j.id = e."projectId" WHERE e.id = $1`,
    [environment],
  )
  const page = await town.visit('olga', '/')
  const lock = page.getByRole('article', { name: `${rows[0]?.name}: Test` })
  const last = lock.getByText(/^Deployed last: /)
  expect(await last.locator('time').getAttribute('datetime')).toBe(rows[0]?.at.toISOString())
  await lock.getByText(/It began (29|[34]\d)s ago, and was last observed/).waitFor()
  await lock.getByRole('link', { name: 'Roll back…' }).click()
  await page.waitForURL(`**/environments/${environment}/rollback`)
  await page.context().close()
})

it('A2: what does not run has no address to open, and is no release that runs here', async () => {
  await reading(GONE)
  const page = await town.visit('olga', `/environments/${environment}`)
  expect(await page.getByRole('link', { name: /Open service/ }).count()).toBe(0)
  await page.goto(`${town.url}/environments/${environment}/rollback`)
  expect(await page.getByRole('radio').count()).toBeGreaterThan(0)
})
