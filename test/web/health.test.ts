// What people see while something does not work: the strip above every page, and the page of a restored database.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openTown, type Town } from './browser'

let town: Town
beforeAll(async () => {
  town = await openTown()
  // What the web process looks for in its folder of keys.
  for (const name of ['worker.pub', 'intake.key']) writeFileSync(join(town.keys, name), 'x')
})
afterAll(() => town?.close())

const DIFFERENCE = {
  signed: 5210,
  has: 4100,
  hasNow: 4117,
  common: { size: 4098, at: '2026-11-29T07:12:00.000Z' },
  knownAt: '2026-11-29T08:59:12.000Z',
  newest: [{ what: 'promotions', known: 412, now: 390 }],
  environments: [
    {
      project: 'team/hello',
      name: 'production',
      known: { promotion: 412, tag: 'V1.3_202611290812', policyVersion: 3 },
      now: { promotion: 377, tag: 'V1.2_202611211304', policyVersion: 2 },
    },
  ],
  more: 0,
}

/** As a worker writes it, with a sign of life that does not grow old meanwhile. */
async function seen(rows: { name: string; state: string; code: string; params: object }[]) {
  const { pool } = town.record
  await pool.query('DELETE FROM "Part"')
  await pool.query(
    `INSERT INTO "Worker" (id, "seenAt") VALUES ('w1', now() + interval '1 hour') ON CONFLICT (id) DO UPDATE SET "seenAt" = now() + interval '1 hour'`,
  )
  const all = ['queue', 'engine', 'targets', 'forges', 'trail', 'disk', 'clock', 'state', 'workers']
  for (const name of all) {
    const row = rows.find((r) => r.name === name) ?? { state: 'ok', code: '', params: {} }
    await pool.query(
      `INSERT INTO "Part" (name, worker, state, code, params, since, "seenAt") VALUES ($1, 'w1', $2, $3, $4, now() - interval '4 minutes', now() + interval '1 hour')`,
      [name, row.state, row.code, JSON.stringify(row.params)],
    )
  }
}
const BROKEN = [
  {
    name: 'engine',
    state: 'down',
    code: 'engine.silent',
    params: { message: 'Docker does not answer at /var/run/docker.sock' },
  },
  {
    name: 'disk',
    state: 'degraded',
    code: 'disk.low',
    params: { folder: '/var/lib/shiplock/cache', free: 210, floor: 512, because: 'the disk is low' },
  },
  {
    name: 'trail',
    state: 'down',
    code: 'trail.other',
    params: {
      because: 'the trail has 4100 entries, and 5210 were signed',
      worker: 'w1',
      state: '/srv/shiplock',
      difference: DIFFERENCE,
    },
  },
]

/** SHOTS=folder keeps what was seen. */
const shot = async (page: Awaited<ReturnType<Town['visit']>>, name: string) => {
  const folder = process.env.SHOTS
  if (!folder) return
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}

it.each([
  ['light', { colorScheme: 'light' as const }, 'en-GB'],
  ['dark', { colorScheme: 'dark' as const }, 'en-GB'],
  ['phone', { viewport: { width: 390, height: 844 } }, 'en-GB'],
  ['chinese', {}, 'zh-CN'],
])('J9: the strip says what does not work, since when, why and who can act: %s', async (name, options, locale) => {
  await seen(BROKEN)
  const page = await town.visit('ann', '/', { ...options, locale })
  const strip = page.getByRole('complementary', { name: locale === 'zh-CN' ? '不能工作的部分' : 'What does not work' })
  const text = (await strip.textContent()) ?? ''
  for (const word of locale === 'zh-CN'
    ? ['引擎', '磁盘', '审计记录', '谁可以处理', '210']
    : ['Engine', 'does not answer', 'Disk', '210 MiB', '4m ago', 'Who can act: an administrator of Shiplock'])
    expect(text).toContain(word)
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true)
  await shot(page, `strip-${name}`)
  const other = await town.visit('ann', '/trail/restored', { ...options, locale })
  const said = (await other.locator('main').textContent()) ?? ''
  for (const word of [
    '5210',
    '4100',
    '4117',
    'SHIPLOCK_STATE=/srv/shiplock npm run',
    'V1.3_202611290812',
    'V1.2_202611211304',
    'audit accept-restore',
  ])
    expect(said).toContain(word)
  expect(await other.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true)
  // An option that is broken in two is copied by hand as two words.
  const option = other.locator('main').getByText('--because', { exact: true })
  expect(await option.evaluate((word) => new Set([...word.getClientRects()].map(({ top }) => top)).size)).toBe(1)
  await shot(other, `restored-${name}`)
  expect(town.complaints()).toEqual([])
  await page.context().close()
  await other.context().close()
})

it('J9: where nothing is to be accepted the page says so', async () => {
  await seen([])
  const page = await town.visit('ann', '/trail/restored')
  // Health is read twice a second at most.
  await expect
    .poll(async () => {
      await page.reload()
      return page.locator('main').textContent()
    })
    .toContain('Nothing to accept')
  await page.context().close()
})
