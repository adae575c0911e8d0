import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { CHANNEL } from '../../prisma/record'
import { openTown, type Town } from './browser'
import { IGNORED_BECAUSE, PASSWORD } from './seed'
import { FAILED_LINE } from './seed-logs'
import { addChunk, digestOf } from './seed-runs'
import { FAILED_BECAUSE, UNHEALTHY, WAITS_FOR } from './seed-stories'

let town: Town
beforeAll(async () => {
  town = await openTown()
})
afterAll(() => town?.close())
afterEach(() => expect(town.complaints()).toEqual([]))

const short = (digest: string) => digest.slice('sha256:'.length, 'sha256:'.length + 12)
const run = (kind: string) => town.seeded.runs[kind] ?? 0

describe('the board', () => {
  it('shows which digest runs where, and that it is the one that was built', async () => {
    const page = await town.visit('ann', '/')
    const lock = page.getByRole('article', { name: 'shop/checkout: Test' })
    await lock.getByRole('link', { name: 'Keep the basket when a session is renewed' }).waitFor()
    await lock.getByText(short(digestOf(run('deployed')))).waitFor()
    await lock.getByText('Observed = built').waitFor()
    expect(await lock.getByRole('link', { name: 'Open service' }).getAttribute('href')).toBe('http://127.0.0.1:18081')
    await page.context().close()
  })

  it('says why a promotion waits, and why the last one failed', async () => {
    const page = await town.visit('vera', '/')
    const way = page.getByRole('article', { name: 'shop/checkout: Test' }).getByRole('region', { name: 'On its way' })
    await way.getByText(WAITS_FOR).waitFor()
    await way.getByText('nobody: it goes on by itself').waitFor()
    await page
      .getByRole('article', { name: 'shop/catalogue-api: Test' })
      .getByRole('region', { name: 'Last failure' })
      .getByText(UNHEALTHY)
      .waitFor()
    await page.context().close()
  })

  it('reads itself again when something changed', async () => {
    const page = await town.visit('ann', '/runs?status=queued')
    const title = page.getByRole('link', { name: 'Count facets in one query' })
    await title.waitFor()
    await page.getByText('Live', { exact: true }).waitFor()
    await town.record.db.run.update({ where: { id: run('queued') }, data: { title: 'Count facets in two queries' } })
    await town.record.pool.query('SELECT pg_notify($1, $2)', [CHANNEL, `run:${run('queued')}:queued`])
    await page.getByRole('link', { name: 'Count facets in two queries' }).waitFor()
    await page.context().close()
  })
})

describe('runs', () => {
  it('are found by branch and status, without a script', async () => {
    const page = await town.visit('ann', '/runs', { javaScriptEnabled: false })
    await page.getByLabel('Status', { exact: true }).selectOption('failed')
    await page.getByLabel('Branch', { exact: true }).selectOption('feature/SHOP-412-split-payments')
    await page.getByRole('button', { name: 'Filter' }).click()
    const list = page.getByRole('list', { name: 'Runs, newest first' })
    expect(await list.locator('> li').count()).toBe(1)
    await list.getByText(FAILED_BECAUSE).waitFor()
    await page.context().close()
  })

  it('go on to older ones and back to the newest', async () => {
    const page = await town.visit('ann', '/runs')
    await page.getByRole('link', { name: 'Older' }).click()
    await page.waitForURL(/after=/)
    await page.getByRole('link', { name: 'Newest' }).click()
    await page.getByText('Show delivery slots', { exact: false }).waitFor()
    await page.context().close()
  })

  it('say of each stage how it went when it is focused', async () => {
    const page = await town.visit('ann', '/runs')
    const stage = page.getByRole('link', { name: /^Unit tests: Failed, \d+/ }).first()
    await stage.focus()
    await stage.locator('xpath=..').getByText('Unit tests').waitFor({ state: 'visible' })
    await page.context().close()
  })
})

describe('a run', () => {
  it('that failed says why, and shows its log at the place', async () => {
    const page = await town.visit('ann', `/runs/${run('failed')}`)
    await page.getByRole('main').getByText(FAILED_BECAUSE).first().waitFor()
    const log = page.getByRole('log', { name: 'Log of Unit tests' })
    await log.getByText(FAILED_LINE).waitFor()
    expect(await page.title()).toBe(`Split a payment over two cards · checkout #${run('failed')} · Shiplock`)
    // What a program printed is text: it neither ran, nor changed the title.
    await log.getByText('<script>document.title = "no"</script>').waitFor()
    await log.getByText('npm error code 1', { exact: true }).waitFor()
    await page.context().close()
  })

  it('whose service file is wrong says on which lines', async () => {
    const page = await town.visit('ann', `/runs/${run('refused')}`)
    await page.getByText('Line 7', { exact: true }).waitFor()
    await page.getByText('unknown stage "unti": did you mean "unit"?').waitFor()
    await page.context().close()
  })

  it('without a service file says that the default pipeline was used', async () => {
    const page = await town.visit('ann', `/runs/${run('templated')}`)
    await page.getByText('The default pipeline was used').waitFor()
    await page.context().close()
  })

  it('follows its log without reload', async () => {
    const page = await town.visit('ann', `/runs/${run('running')}`)
    const log = page.getByRole('log', { name: 'Log of Unit tests' })
    await log.getByText('nothing to complain about').waitFor()
    await page.getByText(/^following/).waitFor()
    const before = await town.record.db.logChunk.findFirstOrThrow({
      where: { stageId: town.seeded.runningStage },
      orderBy: { seq: 'desc' },
    })
    const line = '\u001b[32m✓\u001b[0m one more line\n'
    await addChunk(
      town.record,
      town.seeded.runningStage,
      before.seq + 1,
      Number(before.offset) + before.bytes,
      Buffer.from(line),
    )
    await town.record.pool.query('SELECT pg_notify($1, $2)', [CHANNEL, `log:${town.seeded.runningStage}`])
    await log.getByText('one more line').waitFor()
    await page.context().close()
  })

  it('with a huge log draws only what is in sight, marks what was not kept, and finds a line by its number', async () => {
    const page = await town.visit('ann', `/runs/${run('deployed')}?stage=integration#L30000`)
    const log = page.getByRole('log', { name: 'Log of Integration tests' })
    await log.getByText('request 29999 answered', { exact: false }).waitFor()
    expect(await log.locator('a[data-line]').count()).toBeLessThan(1_000)
    await page.getByLabel('Find in log').fill('not kept')
    await page.getByText('1 match', { exact: true }).waitFor()
    await page.getByLabel('Find in log').press('Enter')
    await log.getByText('… 1.9 GB not kept …').waitFor()
    await page.getByLabel('Find in log').fill('nothing of the kind')
    await page.getByText('no match').waitFor()
    await page.getByLabel('Find in log').fill('request 59999 ')
    await page.getByLabel('Find in log').press('Enter')
    await log.getByText('request 59999 answered', { exact: false }).waitFor()
    await log.evaluate((element) => element.scrollTo({ top: 0 }))
    await log.getByText('request 0 answered', { exact: false }).waitFor()
    await page.context().close()
  })

  it('cannot be canceled by a viewer, who sees why', async () => {
    const page = await town.visit('vera', `/runs/${run('running')}`)
    const cancel = page.getByRole('button', { name: 'Cancel run' })
    await cancel.waitFor()
    expect(await cancel.isDisabled()).toBe(true)
    const id = await cancel.getAttribute('aria-describedby')
    expect(await page.locator(`[id="${id}"]`).textContent()).toBe(
      'Your role (Viewer) may not do this. A developer or an administrator can.',
    )
    await page.context().close()
  })

  it('says its trust class and what that means; before it is planned, that it is not known', async () => {
    const page = await town.visit('ann', `/runs/${run('running')}`)
    await page.getByText(/^Trust class develop – People who may push to develop decide/).waitFor()
    await page.goto(`${town.url}/runs/${run('queued')}`)
    await page.getByText('Trust class not known yet').waitFor()
    const asked = async (kind: string) => (await page.request.get(`${town.url}/api/v1/runs/${run(kind)}`)).json()
    expect((await asked('queued')).trust).toBeNull()
    expect((await asked('running')).trust).toBe('develop')
    await page.context().close()
  })

  it('is canceled by a developer, after being asked', async () => {
    const page = await town.visit('dev', `/runs/${run('queued')}`)
    await page.getByRole('button', { name: 'Cancel run' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel run' }).click()
    await page.getByRole('main').getByText('canceled by dev').first().waitFor()
    await page.context().close()
  })
})

describe('the inbox', () => {
  it('says why a delivery was ignored', async () => {
    const page = await town.visit('ann', '/deliveries')
    const row = page.getByRole('listitem').filter({ hasText: IGNORED_BECAUSE })
    await row.getByText('Ignored', { exact: true }).waitFor()
    await page.context().close()
  })
})

describe('projects', () => {
  it('that are broken say what to do', async () => {
    const page = await town.visit('ann', '/projects')
    await page.getByRole('link', { name: 'platform/notifications' }).click()
    await page.getByText('Make a new project access token', { exact: false }).waitFor()
    await page.context().close()
  })

  it('are connected by an administrator alone, and others are told so', async () => {
    const page = await town.visit('dev', '/projects/new')
    await page.getByRole('heading', { name: 'Not permitted' }).waitFor()
    await page.context().close()
  })
})

describe('signing in', () => {
  it('leads back to where one wanted to go, and needs no script', async () => {
    const page = await town.stranger('/runs?status=failed', { javaScriptEnabled: false })
    await page.getByLabel('Account').fill('ann')
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL(`${town.url}/runs?status=failed`)
    await page.context().close()
  })

  it('says that the password was wrong', async () => {
    const page = await town.stranger('/login')
    await page.getByLabel('Account').fill('ann')
    await page.getByLabel('Password').fill('not the password')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('The name or the password is wrong.').waitFor()
    await page.context().close()
  })

  it('ends with signing out', async () => {
    const page = await town.stranger('/login')
    await page.getByLabel('Account').fill('vera')
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('Live', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL(`${town.url}/login`)
    await page.context().close()
  })
})
