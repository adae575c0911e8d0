import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { GATE_NAMES } from '../../environments/gate'
import { openTown, type Town } from './browser'
import { ENGINE_AWAY, FAILED_FUNCTIONAL, REFUSED_REASON, ROLLBACK_REASON } from './seed-flow-stories'
import { digestOf } from './seed-runs'

let town: Town
beforeAll(async () => {
  town = await openTown()
})
afterAll(() => town?.close())
afterEach(() => expect(town.complaints()).toEqual([]))

const promotion = (kind: string) => town.seeded.promotions[kind] ?? 0
const releaseOf = async (kind: string) =>
  (await town.record.db.promotion.findUniqueOrThrow({ where: { id: promotion(kind) }, include: { release: true } }))
    .release
const PRODUCTION = { checkout: 12, catalogue: 22 }

describe('a promotion', () => {
  it('says the verb, the thing and the place, and whose turn it is', async () => {
    const page = await town.visit('vera', `/promotions/${promotion('to sign')}`)
    const { tag } = await releaseOf('to sign')
    await page.getByRole('heading', { level: 1, name: `Put checkout ${tag} into production` }).waitFor()
    await page.getByText('operations (role ops): release the hold').first().waitFor()
    await page.context().close()
  })

  it('shows every gate with its reason, the closed ones first', async () => {
    const page = await town.visit('vera', `/promotions/${promotion('many gates')}`)
    const gates = page.getByRole('list', { name: 'Gates' }).getByRole('listitem')
    expect(await gates.count()).toBe(GATE_NAMES.length)
    const texts = await gates.allTextContents()
    expect(texts.slice(0, 4).every((text) => text.includes('waiting'))).toBe(true)
    expect(texts.slice(4).every((text) => text.includes('open'))).toBe(true)
    await gates.filter({ hasText: 'Freeze' }).getByText('stocktaking: the shop must not change').waitFor()
    await gates.filter({ hasText: 'Hotfix debt' }).getByText('an owner: merge it back').waitFor()
    await page.context().close()
  })

  it('compares what runs with what comes', async () => {
    const page = await town.visit('vera', `/promotions/${promotion('to sign')}`)
    const row = (name: string) => page.getByRole('row').filter({ has: page.getByRole('rowheader', { name }) })
    await row('Version').getByText('2.4.1', { exact: true }).waitFor()
    await row('Replicas').getByText('changed', { exact: true }).waitFor()
    await row('Ports').getByText('unchanged').waitFor()
    await row('CARD_TIMEOUT').getByText('added').waitFor()
    const commits = await page.getByRole('region', { name: 'What changes' }).getByRole('link').getAttribute('href')
    expect(commits).toMatch(
      /^https:\/\/gitlab\.harbour\.example\/shop\/checkout\/-\/compare\/[0-9a-f]{40}\.\.\.[0-9a-f]{40}$/,
    )
    await page.context().close()
  })

  it('cannot be signed by whoever pushed it, who sees why', async () => {
    const page = await town.visit('otto', `/promotions/${promotion('to sign')}`)
    const sign = page.getByRole('button', { name: /^Approve V2\.4\.1_\d+ for production$/ })
    await sign.waitFor()
    expect(await sign.isDisabled()).toBe(true)
    const why = await sign.getAttribute('aria-describedby')
    expect(await page.locator(`[id="${why}"]`).textContent()).toContain('nobody signs their own change')
    await page.context().close()
  })

  it('cannot be signed by a viewer, who sees whose it is to sign', async () => {
    const page = await town.visit('vera', `/promotions/${promotion('to sign')}`)
    const sign = page.getByRole('button', { name: /^Approve V2\.4\.1/ })
    expect(await sign.isDisabled()).toBe(true)
    const why = await sign.getAttribute('aria-describedby')
    expect(await page.locator(`[id="${why}"]`).textContent()).toContain('Your role (Viewer) may not do this.')
    await page.context().close()
  })

  it('is signed off by operations, from the board, with a comment that everybody can read', async () => {
    const page = await town.visit('olga', '/')
    await page
      .getByRole('article', { name: 'shop/checkout: Production' })
      .getByRole('link', { name: /^Review & sign/ })
      .click()
    await page.getByLabel('Comment').fill('Seen with a card that has no CVC.')
    await page.getByRole('button', { name: /^Approve V2\.4\.1/ }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Approve', exact: true }).click()
    const signed = page.getByRole('list', { name: 'Answers' })
    await signed.getByText('Seen with a card that has no CVC.').waitFor()
    await page.getByText('1 of 1', { exact: true }).waitFor()
    expect(await page.getByRole('button', { name: /^Approve V2\.4\.1/ }).isDisabled()).toBe(true)
    const approval = await town.record.db.approval.findFirstOrThrow({ where: { promotionId: promotion('to sign') } })
    expect(approval.digest).toBe((await releaseOf('to sign')).digest)
    await page.context().close()
  })

  it('that failed says what put things right again', async () => {
    const page = await town.visit('dev', `/promotions/${promotion('put back')}`)
    await page.getByRole('heading', { level: 1, name: /back into prerelease/ }).waitFor()
    await page.getByRole('link', { name: `In place of promotion #${promotion('failed')}` }).waitFor()
    await page.context().close()
  })

  it('that is being verified shows its stages, and the log of the one that runs', async () => {
    const page = await town.visit('dev', `/promotions/${promotion('verifying')}`)
    await page.getByRole('region', { name: 'Verification' }).getByText('Stress tests').waitFor()
    await page.getByRole('log', { name: 'Log of Functional tests' }).getByText('nothing to complain about').waitFor()
    await page.context().close()
  })

  it('whose verification failed says so, and that the release before is back', async () => {
    const page = await town.visit('dev', `/promotions/${promotion('failed')}`)
    await page.getByText(`verification failed: ${FAILED_FUNCTIONAL}`).first().waitFor()
    await page.getByRole('link', { name: `Promotion #${promotion('put back')} was requested` }).click()
    await page.getByRole('heading', { level: 1, name: /back into prerelease/ }).waitFor()
    await page.context().close()
  })

  it('that errored is tried again by an owner', async () => {
    const page = await town.visit('owen', `/promotions/${promotion('errored')}`)
    await page.getByText(ENGINE_AWAY, { exact: false }).first().waitFor()
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByText('Queued', { exact: true }).first().waitFor()
    await page.context().close()
  })

  it('is canceled after being asked, and the reason stands there', async () => {
    const page = await town.visit('owen', `/promotions/${promotion('many gates')}`)
    await page.getByRole('button', { name: 'Cancel promotion' }).click()
    const dialog = page.getByRole('dialog', { name: 'Cancel this promotion?' })
    await dialog.getByLabel('Reason (optional)').fill('Not before the debt is paid.')
    await dialog.getByRole('button', { name: 'Cancel promotion' }).click()
    await page.getByRole('main').getByText('Not before the debt is paid.').first().waitFor()
    await page.getByText('Canceled', { exact: true }).first().waitFor()
    await page.context().close()
  })
})

describe('the list of promotions', () => {
  it('is found by environment and status, without a script', async () => {
    const page = await town.visit('vera', '/promotions', { javaScriptEnabled: false })
    await page.getByLabel('Environment', { exact: true }).selectOption('prerelease')
    await page.getByLabel('Status', { exact: true }).selectOption('failed')
    await page.getByRole('button', { name: 'Filter' }).click()
    const list = page.getByRole('list', { name: 'Promotions, newest first' })
    expect(await list.locator('> li').count()).toBe(1)
    await list.getByRole('link', { name: /^Put catalogue-api V1\.9_/ }).waitFor()
    await page.context().close()
  })

  it('shows what waits with one click', async () => {
    const page = await town.visit('vera', '/promotions')
    await page.getByRole('link', { name: 'Waiting', exact: true }).click()
    await page.waitForURL(/status=waiting/)
    await page.getByRole('link', { name: /^Put checkout V2\.4\.1_.* into production/ }).waitFor()
    await page.context().close()
  })
})

describe('an environment', () => {
  it('says on the board why it is held, and until when it is frozen', async () => {
    const page = await town.visit('vera', '/')
    const lock = page.getByRole('article', { name: 'shop/catalogue-api: Production' })
    await lock.getByText('Frozen: stocktaking: the shop must not change').waitFor()
    await lock.getByText('Reopens').waitFor()
    await lock.getByText('hotfix/1.8.1 must come back to develop').waitFor()
    await page
      .getByRole('article', { name: 'shop/checkout: Production' })
      .getByText(`olga rolled back: ${ROLLBACK_REASON}`)
      .waitFor()
    await page.context().close()
  })

  it('says what comes before it; where nothing does, which branches begin there', async () => {
    const page = await town.visit('vera', '/')
    for (const [name, words] of [
      ['Test', 'Comes after: no other environment; builds of develop come here first'],
      ['Prerelease', 'Comes after: no other environment; builds of release and hotfix come here first'],
      ['Production', 'Comes after: a release must be verified in prerelease'],
    ] as const) {
      await page.goto(town.url)
      await page
        .getByRole('article', { name: `shop/checkout: ${name}` })
        .getByRole('link', { name, exact: true })
        .click()
      await page.getByRole('heading', { level: 1, name: new RegExp(name) }).waitFor()
      expect(await page.getByRole('main').textContent()).toContain(words)
    }
    await page.context().close()
  })

  it('is rolled back with a reason, which sets a hold', async () => {
    const page = await town.visit('olga', `/environments/${PRODUCTION.catalogue}`)
    await page.getByRole('link', { name: 'Roll back…' }).click()
    await page.getByRole('radio', { name: /^V1\.8_/ }).check()
    await page.getByLabel('Reason').fill('prices are zero again')
    await page.getByRole('button', { name: 'Roll production back' }).click()
    await page.getByRole('heading', { level: 1, name: /^Roll production back to catalogue-api V1\.8_/ }).waitFor()
    const place = await town.record.db.environment.findUniqueOrThrow({ where: { id: PRODUCTION.catalogue } })
    expect(place.heldBecause).toContain('prices are zero again')
    // A5: it was requested, and no more; in both languages.
    await page.goto(`${town.url}/environments/${PRODUCTION.catalogue}`)
    await page.getByText(/^Rollback to V1\.8_\d+ requested by olga: prices are zero again$/).waitFor()
    await page
      .getByRole('link', { name: /^Promotion #\d+$/ })
      .first()
      .waitFor()
    await page.context().close()
    const other = await town.visit('olga', `/environments/${PRODUCTION.catalogue}`, { locale: 'zh-CN' })
    await other.getByText(/^olga 请求回滚到 V1\.8_\d+：prices are zero again$/).waitFor()
    await other.context().close()
  })

  it('is not rolled back without a reason, and not by a developer', async () => {
    const page = await town.visit('olga', `/environments/${PRODUCTION.checkout}/rollback`)
    await page.getByRole('button', { name: 'Roll production back' }).click()
    expect(
      await page.getByLabel('Reason').evaluate((field) => (field as HTMLTextAreaElement).validity.valueMissing),
    ).toBe(true)
    await page.context().close()
    const other = await town.visit('dev', `/environments/${PRODUCTION.checkout}`)
    expect(await other.getByRole('button', { name: 'Roll back…' }).isDisabled()).toBe(true)
    await other.context().close()
  })

  it('says what would follow before a hold is released', async () => {
    const page = await town.visit('olga', '/')
    const lock = page.getByRole('article', { name: 'shop/checkout: Production' })
    await lock.getByRole('button', { name: 'Release hold' }).click()
    const dialog = page.getByRole('dialog', { name: 'Release the hold on production?' })
    await dialog.getByText((await releaseOf('to sign')).tag).waitFor()
    await dialog.getByRole('button', { name: 'Release hold' }).click()
    await lock.getByRole('button', { name: 'Release hold' }).waitFor({ state: 'detached' })
    const place = await town.record.db.environment.findUniqueOrThrow({ where: { id: PRODUCTION.checkout } })
    expect(place.heldAt).toBeNull()
    await page.context().close()
  })

  it('is held with a reason by a form that needs no script', async () => {
    const page = await town.visit('otto', `/environments/${PRODUCTION.checkout}`, { javaScriptEnabled: false })
    await page.getByRole('button', { name: 'Hold…' }).click()
    await page.getByLabel('Reason').first().fill('the card provider is down')
    await page.getByRole('button', { name: 'Hold production' }).click()
    await page.getByText('otto holds it: the card provider is down').waitFor()
    await page.context().close()
  })
})

describe('a release', () => {
  it('is traced from its commit to every environment', async () => {
    const { id } = await releaseOf('to sign')
    const page = await town.visit('vera', `/releases/${id}`)
    const trace = page.getByRole('list', { name: 'From the commit to every environment' }).getByRole('listitem')
    const texts = (await trace.allTextContents()).map((text) => text.trim())
    expect(texts[0]).toMatch(/^Commit/)
    expect(texts.at(-3)).toMatch(/^Test/)
    expect(texts.at(-2)).toMatch(/^Prerelease.*runs here/)
    expect(texts.at(-1)).toMatch(/^Production/)
    await page.getByText('adopted it: the same tree').waitFor()
    await page.context().close()
  })

  it('says its trust class in the list and on its page, and what that means', async () => {
    const { id, tag } = await releaseOf('to sign')
    const page = await town.visit('vera', '/releases')
    const row = page
      .getByRole('list', { name: 'Releases, newest first' })
      .getByRole('listitem')
      .filter({ hasText: tag })
    await row.getByText('Trust class release: every branch may use its image').first().waitFor()
    await page.goto(`${town.url}/releases/${id}`)
    await page
      .getByText('People who may push release, hotfix or master branches decide what it is made from.')
      .waitFor()
    await page.context().close()
  })

  it('is refused by operations with a reason, and lifted again', async () => {
    const { id, tag } = await releaseOf('2.3 prerelease')
    const page = await town.visit('olga', `/releases/${id}`)
    await page.getByRole('button', { name: `Refuse ${tag}…` }).click()
    const dialog = page.getByRole('dialog', { name: `Refuse ${tag}?` })
    await dialog.getByLabel('Reason').fill('it knows no gift cards')
    await dialog.getByRole('button', { name: `Refuse ${tag}` }).click()
    await page.getByText('Refused by olga', { exact: true }).waitFor()
    await page.getByRole('main').getByText('it knows no gift cards').first().waitFor()
    await page.getByRole('button', { name: `Lift the refusal of ${tag}` }).click()
    await page.getByText('Refused by olga', { exact: true }).waitFor({ state: 'detached' })
    await page.context().close()
  })

  it('that is refused is promoted by nobody, and says why', async () => {
    const { id, tag } = await releaseOf('failed')
    const page = await town.visit('owen', `/releases/${id}`)
    const promote = page.getByRole('button', { name: `Put ${tag} into test` })
    expect(await promote.isDisabled()).toBe(true)
    await page.getByText(`refused by olga: ${REFUSED_REASON}`).first().waitFor()
    expect(await page.getByRole('button', { name: `Lift the refusal of ${tag}` }).isDisabled()).toBe(true)
    await page.context().close()
  })

  it('is promoted by hand to an environment, after its gates were shown', async () => {
    const { id, tag, digest } = await releaseOf('2.4 prerelease')
    expect(digest).toBe(digestOf(id))
    const page = await town.visit('owen', `/releases/${id}`)
    await page.getByRole('button', { name: `Put ${tag} into test` }).click()
    const dialog = page.getByRole('dialog', { name: `Put ${tag} into test?` })
    await dialog.getByLabel('Reason (optional)').fill('to look at it once more')
    await dialog.getByRole('button', { name: `Put ${tag} into test` }).click()
    await page.getByRole('heading', { level: 1, name: `Put checkout ${tag} into test` }).waitFor()
    await page.getByText('to look at it once more').first().waitFor()
    await page.context().close()
  })
})
