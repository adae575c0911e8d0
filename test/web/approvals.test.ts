import type { CDPSession, Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import en from '../../app/_messages/en.json'
import type { SoftPasskey } from '../../demo/passkey'
import { readQuestion } from '../../environments/answerable'
import { answersOf } from '../../environments/answers'
import { openTown, type Town, type Visitor } from './browser'
import { type Answering, type AnswerStory, FREEZE_REASON, GLASS_REASON, seedAnswers } from './seed-answers'

let town: Town
let answering: Answering
beforeAll(async () => {
  town = await openTown()
  answering = await seedAnswers(town)
})
afterAll(() => town?.close())
/** What a refused answer leaves in the browser's console, which the page tells as well. */
const REFUSED = /the server responded with a status of 4(00|03|09)/
afterEach(() => expect(town.complaints().filter((text) => !REFUSED.test(text))).toEqual([]))

const address = (story: AnswerStory) => `/promotions/${answering.promotions[story]}`
const open = (who: Visitor, story: AnswerStory) => town.visit(who, address(story))
const dialog = (page: Page) => page.getByRole('dialog')
/** Does anything lie over it, at any height that the page is scrolled to? */
const covered = (button: Locator) =>
  button.evaluate((element) => {
    const foot = element.closest('.sticky') ?? element
    const box = element.closest('dialog') ?? document.body
    for (let down = 0; down <= box.scrollHeight; down += 16) {
      box.scrollTop = down
      const { left, top, width, height } = element.getBoundingClientRect()
      for (let x = left + 2; x < left + width; x += 12) {
        const seen = document.elementFromPoint(x, top + height / 2)
        if (seen !== null && !foot.contains(seen)) return true
      }
    }
    return false
  })
const approve = (page: Page) => page.getByRole('button', { name: /^Approve V7/ })
const reasonBeside = async (page: Page, button: Locator) =>
  page.locator(`[id="${await button.getAttribute('aria-describedby')}"]`).textContent()

/** A device that holds this passkey, and whose person is there and is who they say, until told otherwise. */
async function device(page: Page, passkey: SoftPasskey): Promise<{ cdp: CDPSession; id: string }> {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  const { authenticatorId: id } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  await cdp.send('WebAuthn.addCredential', {
    authenticatorId: id,
    credential: {
      credentialId: Buffer.from(passkey.credentialId, 'base64url').toString('base64'),
      isResidentCredential: false,
      rpId: 'localhost',
      privateKey: passkey.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
      signCount: 0,
    },
  })
  return { cdp, id }
}

/** Which answers stand, as a worker would judge them before it deploys. */
async function standing(story: AnswerStory) {
  const question = await readQuestion(town.record.pool, { promotionId: answering.promotions[story] })
  return (await answersOf(town.record.pool, question, town.trust)).votes
}

describe('the inbox', () => {
  it('shows what needs me, and how many stands in the navigation of every page', async () => {
    const page = await town.visit('olga', '/approvals')
    const lines = page.getByRole('list', { name: 'Approvals, newest first' }).getByRole('listitem')
    const count = await lines.count()
    expect(count).toBeGreaterThan(5)
    const link = page
      .getByRole('navigation', { name: 'Main' })
      .getByRole('link', { name: /^Approvals/ })
      .first()
    expect(await link.textContent()).toContain(`${count} wait for you`)
    await page.goto(`${town.url}/runs`)
    expect(await link.textContent()).toContain(`${count} wait for you`)
    await page.context().close()
  })

  it('says who must and how many, since when, when they were reminded, and what has lapsed', async () => {
    const page = await town.visit('olga', '/approvals')
    const line = (story: AnswerStory) =>
      page.getByRole('listitem').filter({ hasText: `#${answering.promotions[story]}` })
    const half = await line('half').textContent()
    expect(half).toContain('1 of 1 Project owner')
    expect(half).toContain('0 of 1 Operations')
    expect(half).toMatch(/since .*ago.*reminded .*ago/)
    expect(await line('expired').textContent()).toContain('1 answer has lapsed')
    await page.context().close()
  })

  it('opens the very thing, where it is answered', async () => {
    const page = await town.visit('olga', '/approvals')
    const line = page.getByRole('listitem').filter({ hasText: `#${answering.promotions.half}` })
    await line.getByRole('link', { name: 'Review and answer' }).click()
    await page.waitForURL(`**${address('half')}#answer`)
    await approve(page).waitFor()
    const change = await town.visit('olga', '/approvals')
    const policy = change.getByRole('listitem').filter({ hasText: `policy change #${answering.change}` })
    expect(await policy.getByRole('link').first().getAttribute('href')).toBe(
      `/environments/401/policy#change-${answering.change}`,
    )
    await page.context().close()
    await change.context().close()
  })

  it('shows a broken glass to those who can review it, and not to who broke it', async () => {
    const told = `#${answering.promotions.broken}`
    const otto = await town.visit('otto', '/approvals')
    await otto.getByRole('listitem').filter({ hasText: told }).getByRole('link', { name: 'Review it' }).waitFor()
    const olga = await town.visit('olga', '/approvals')
    await olga.getByRole('list', { name: 'Approvals, newest first' }).waitFor()
    expect(await olga.getByRole('listitem').filter({ hasText: told }).count()).toBe(0)
    await otto.context().close()
    await olga.context().close()
  })

  it('keeps what I have answered, and shows everything to whoever may read', async () => {
    const owen = await town.visit('owen', '/approvals')
    await owen.getByRole('link', { name: 'Done by me' }).click()
    const rejected = owen.getByRole('listitem').filter({ hasText: `#${answering.promotions.rejected}` })
    await rejected.getByText('You rejected').waitFor()
    const vera = await town.visit('vera', '/approvals')
    await vera.getByText('Nothing waits for you').waitFor()
    await vera.getByRole('link', { name: 'All', exact: true }).click()
    await vera
      .getByRole('listitem')
      .filter({ hasText: `#${answering.promotions.half}` })
      .waitFor()
    expect(await vera.getByRole('link', { name: 'Review and answer' }).count()).toBe(0)
    await owen.context().close()
    await vera.context().close()
  })

  it('holds for a person with one role in one environment what that role is asked for, and nothing else', async () => {
    const page = await town.visit('mira', '/approvals')
    const lines = page.getByRole('list', { name: 'Approvals, newest first' }).getByRole('listitem')
    const texts = await lines.allTextContents()
    expect(texts.length).toBeGreaterThan(3)
    for (const text of texts) expect(text).toMatch(/into production|policy of production/)
    for (const text of texts) expect(text).toContain('bank/ledger')
    await page.context().close()
  })
})

describe('an answer', () => {
  it('is the exact statement, signed with a passkey, and a worker finds that it stands', async () => {
    const page = await open('olga', 'passkey')
    await device(page, answering.keys.olga)
    await page.getByLabel('Comment').fill('Seen with a leap year.')
    await approve(page).click()
    const words = dialog(page).getByRole('region', { name: 'Eight words for this statement' }).getByRole('listitem')
    await words.first().waitFor()
    expect(await words.allTextContents()).toHaveLength(8)
    expect(await dialog(page).textContent()).toContain('Seen with a leap year.')
    expect(await dialog(page).textContent()).toMatch(/Can be answered for another [45]:/)
    expect(await covered(dialog(page).getByRole('button', { name: 'Sign with your passkey' }))).toBe(false)
    await dialog(page).getByText('The exact bytes').click()
    expect(await covered(dialog(page).getByRole('button', { name: 'Sign with your passkey' }))).toBe(false)
    const bytes = await dialog(page).getByRole('region', { name: 'The exact bytes' }).textContent()
    await dialog(page).getByRole('button', { name: 'Sign with your passkey' }).click()
    const answers = page.getByRole('list', { name: 'Answers' })
    await answers.getByText('signed with a passkey').waitFor()
    await page.getByText('Your approval is given.').waitFor()
    const row = await town.record.db.approval.findFirstOrThrow({
      where: { promotionId: answering.promotions.passkey },
    })
    expect(Buffer.from(row.statement).toString()).toBe(bytes)
    expect(await standing('passkey')).toMatchObject([{ account: 'olga', signed: true, decision: 'approve' }])
    // Back, and forward again: it is answered, and says so.
    await page.getByRole('link', { name: 'All promotions' }).click()
    await page.getByRole('heading', { level: 1, name: 'Promotions' }).waitFor()
    await page.goBack()
    await answers.getByText('signed with a passkey').waitFor()
    expect(await approve(page).isDisabled()).toBe(true)
    await page.context().close()
  })

  it('is not given by a prompt that is cancelled, and can be tried again', async () => {
    const page = await open('olga', 'cancelled')
    const { cdp, id } = await device(page, answering.keys.olga)
    await cdp.send('WebAuthn.setUserVerified', { authenticatorId: id, isUserVerified: false })
    await approve(page).click()
    const sign = dialog(page).getByRole('button', { name: 'Sign with your passkey' })
    await sign.click()
    await dialog(page).getByRole('alert').getByText('the prompt was cancelled').waitFor()
    expect(await standing('cancelled')).toEqual([])
    await cdp.send('WebAuthn.setUserVerified', { authenticatorId: id, isUserVerified: true })
    await sign.click()
    await page.getByRole('list', { name: 'Answers' }).getByText('signed with a passkey').waitFor()
    await page.context().close()
  })

  it('is not asked for where the dialog was left, whatever the device says later', async () => {
    const page = await open('otto', 'half')
    await device(page, answering.keys.otto)
    await approve(page).click()
    await dialog(page).getByRole('button', { name: 'Sign with your passkey' }).waitFor()
    await page.keyboard.press('Escape')
    await dialog(page).waitFor({ state: 'hidden' })
    expect(await standing('half')).toHaveLength(1)
    await page.context().close()
  })

  it('is told what is missing, where somebody has no passkey that a rule asks for', async () => {
    const page = await open('mira', 'half')
    await approve(page).waitFor()
    expect(await approve(page).isDisabled()).toBe(true)
    expect(await reasonBeside(page, approve(page))).toContain('you have none that was admitted')
    await page.context().close()
  })

  it('cannot be given to one’s own change, and the page says why', async () => {
    const page = await open('otto', 'own')
    await approve(page).waitFor()
    expect(await approve(page).isDisabled()).toBe(true)
    expect(await reasonBeside(page, approve(page))).toContain('nobody signs their own change')
    const eligible = page.getByRole('region', { name: 'Who may answer' })
    await eligible.getByRole('listitem').filter({ hasText: 'otto' }).getByText('had a hand in this change').waitFor()
    await page.context().close()
  })

  it('shows everybody who may, and each what stands against themselves', async () => {
    const page = await open('vera', 'open')
    const eligible = page.getByRole('region', { name: 'Who may answer' })
    await eligible.getByRole('listitem').filter({ hasText: 'olga' }).waitFor()
    await eligible.getByRole('listitem').filter({ hasText: 'mira' }).getByText('has no admitted passkey').waitFor()
    expect(await reasonBeside(page, approve(page))).toContain('It is for: Project owner, Operations')
    await page.context().close()
  })

  it('tells of one that lapsed that it does not count, and why', async () => {
    const page = await open('vera', 'expired')
    const answer = page.getByRole('list', { name: 'Answers' }).getByRole('listitem').filter({ hasText: 'owen' })
    await answer.getByText('Does not count: it was not used within 4 hours').waitFor()
    await page.context().close()
  })

  it('that says no needs a reason, and ends it', async () => {
    const page = await open('owen', 'open')
    await page.getByRole('button', { name: /^Reject V7/ }).click()
    const goOn = dialog(page).getByRole('button', { name: 'Go on to the statement' })
    expect(await goOn.isDisabled()).toBe(true)
    expect(await reasonBeside(page, goOn)).toBe('A reason is needed.')
    await dialog(page).getByLabel('Reason').fill('The migration takes an hour, and nobody was told.')
    await goOn.click()
    await dialog(page).getByRole('button', { name: 'Reject', exact: true }).click()
    await page.getByText('rejected by owen: The migration takes an hour, and nobody was told.').first().waitFor()
    const { status } = await town.record.db.promotion.findUniqueOrThrow({ where: { id: answering.promotions.open } })
    expect(status).toBe('refused')
    await page.context().close()
  })

  it('can be taken back until it is used, and given anew', async () => {
    const page = await open('owen', 'withdrawn')
    await approve(page).click()
    await dialog(page).getByRole('button', { name: 'Approve', exact: true }).click()
    await page.getByRole('button', { name: 'Take my answer back…' }).click()
    await dialog(page).getByRole('button', { name: 'Take it back' }).click()
    await page.getByText('Does not count: taken back by owen').waitFor()
    expect(await standing('withdrawn')).toEqual([])
    expect(await approve(page).isDisabled()).toBe(false)
    await page.context().close()
  })

  it('is given once, though it was prepared in two tabs', async () => {
    const one = await open('owen', 'two tabs')
    const two = await one.context().newPage()
    await two.goto(town.url + address('two tabs'))
    for (const page of [one, two]) {
      await approve(page).click()
      await dialog(page).getByRole('button', { name: 'Approve', exact: true }).waitFor()
    }
    await dialog(one).getByRole('button', { name: 'Approve', exact: true }).click()
    await one.getByText('Your approval is given.').waitFor()
    await dialog(two).getByRole('button', { name: 'Approve', exact: true }).click()
    await dialog(two).getByRole('alert').getByText('you have answered already').waitFor()
    expect(await standing('two tabs')).toHaveLength(1)
    await one.context().close()
  })

  it('is not given to what was never seen: where something changed meanwhile, it is shown anew', async () => {
    const page = await open('owen', 'cancelled')
    await approve(page).click()
    const hash = dialog(page)
      .getByRole('button', { name: /Copy hash/ })
      .last()
    const before = await hash.getAttribute('title')
    await town.record.db.release.update({
      where: { id: answering.promotions.cancelled },
      data: { bytes: 999_000_000n },
    })
    await dialog(page).getByRole('button', { name: 'Approve', exact: true }).click()
    await dialog(page).getByText('What you were shown has changed meanwhile.').waitFor()
    await dialog(page).getByText('999 MB').waitFor()
    expect(await hash.getAttribute('title')).not.toBe(before)
    await dialog(page).getByRole('button', { name: 'Approve', exact: true }).click()
    await page.getByText('Your approval is given.').waitFor()
    await page.context().close()
  })

  it('has five minutes, and is prepared anew after them', async () => {
    const page = await open('owen', 'expired')
    await approve(page).click()
    await dialog(page).getByRole('button', { name: 'Approve', exact: true }).waitFor()
    await page.clock.install()
    await page.clock.setFixedTime(Date.now() + 6 * 60_000)
    await dialog(page).getByRole('button', { name: 'Prepare it anew' }).waitFor()
    expect(await dialog(page).getByRole('button', { name: 'Approve', exact: true }).count()).toBe(0)
    await page.context().close()
  })

  it('is given by keyboard alone, and told to whoever only listens', async () => {
    const page = await open('owen', 'passkey')
    await approve(page).click({ trial: true }) // the page is alive
    await page.getByLabel('Comment').focus()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await dialog(page).getByRole('status').filter({ hasText: 'The statement is ready. Its words are:' }).waitFor()
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '')
    expect(await focused()).toMatch(/^Approve V7/)
    for (let presses = 0; presses < 30 && (await focused()) !== 'Approve'; presses++) await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.getByRole('status').filter({ hasText: 'Your approval is given.' }).waitFor()
    expect(await standing('passkey')).toHaveLength(2)
    await page.context().close()
  })
})

describe('past the gates', () => {
  it('costs the name of the environment, a reason, and a second person where there is a freeze', async () => {
    const page = await open('olga', 'overriding')
    await page.getByText(FREEZE_REASON).first().waitFor()
    await page.getByText('In an emergency: past the gates').click()
    await page.getByRole('button', { name: /^Override the freeze too/ }).click()
    const goOn = dialog(page).getByRole('button', { name: 'Go on to the statement' })
    await dialog(page).getByLabel('Reason').fill('Confirmed with the tax office by telephone.')
    expect(await reasonBeside(page, goOn)).toBe('Type settlement first.')
    await dialog(page)
      .getByLabel(/^Type the environment’s name/)
      .fill('production')
    expect(await goOn.isDisabled()).toBe(true)
    await dialog(page)
      .getByLabel(/^Type the environment’s name/)
      .fill('settlement')
    await goOn.click()
    await dialog(page).getByRole('button', { name: 'Answer without a passkey' }).click()
    await page.getByText('olga overrides the freeze of settlement').waitFor()
    const freeze = page.getByRole('list', { name: 'Gates' }).getByRole('listitem').filter({ hasText: 'Freeze' })
    await freeze.getByText('owen and olga override it').waitFor()
    await page.context().close()
  })

  it('breaking the glass takes twenty characters, and is not for everybody', async () => {
    const page = await open('olga', 'frozen')
    await page.getByText('In an emergency: past the gates').click()
    await page.getByRole('button', { name: /^Break the glass/ }).click()
    await dialog(page)
      .getByLabel(/^Type the environment’s name/)
      .fill('settlement')
    await dialog(page).getByLabel('Reason').fill('It is urgent.')
    const goOn = dialog(page).getByRole('button', { name: 'Go on to the statement' })
    expect(await reasonBeside(page, goOn)).toBe('The reason has 13 of at least 20 characters.')
    await page.context().close()
    const owner = await open('owen', 'frozen')
    await owner.getByText('In an emergency: past the gates').click()
    expect(await owner.getByRole('button', { name: /^Break the glass/ }).isDisabled()).toBe(true)
    await owner.context().close()
  })

  it('is reviewed by somebody else, and stays on the promotion and on the release', async () => {
    const olga = await open('olga', 'broken')
    await olga.getByText('olga broke the glass of settlement').waitFor()
    expect(await reasonBeside(olga, olga.getByRole('button', { name: 'Review it' }))).toContain(
      'somebody else reviews it',
    )
    const otto = await open('otto', 'broken')
    await otto.getByLabel('What you found').fill('Right to do. The rota gets a second owner.')
    await otto.getByRole('button', { name: 'Review it' }).click()
    await otto.getByText('otto reviewed it:').waitFor()
    await otto.goto(`${town.url}/releases/${answering.promotions.broken}`)
    await otto.getByText('olga broke the glass of settlement').waitFor()
    await otto.getByText(GLASS_REASON).waitFor()
    await otto.getByText('Right to do. The rota gets a second owner.').waitFor()
    await olga.context().close()
    await otto.context().close()
  })
})

describe('their pages', () => {
  const KEY = new RegExp(`\\b(${Object.keys(en).join('|')})\\.[a-zA-Z-]+\\b`)
  const pages = () => ['/approvals', '/approvals?tab=done', '/approvals?tab=all', address('half'), address('broken')]

  it('fit a phone, and have every word in 简体中文', async () => {
    const page = await town.visit('olga', '/', {
      viewport: { width: 390, height: 844 },
      locale: 'zh-CN',
      colorScheme: 'dark',
    })
    for (const path of pages()) {
      await page.goto(town.url + path)
      await page.getByRole('heading', { level: 1 }).waitFor()
      expect(
        await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth),
        path,
      ).toBeLessThanOrEqual(0)
      const text = await page.getByRole('main').evaluate((main) => {
        const copy = main.cloneNode(true) as Element
        for (const code of copy.querySelectorAll('code')) code.remove()
        return copy.textContent ?? ''
      })
      expect(text, path).not.toMatch(KEY)
    }
    await page.context().close()
  })

  it('keep a statement readable on a phone, with the way to say yes in sight', async () => {
    const page = await town.visit('olga', address('half'), { viewport: { width: 390, height: 844 } })
    await device(page, answering.keys.olga)
    await approve(page).click()
    const sign = dialog(page).getByRole('button', { name: 'Sign with your passkey' })
    await sign.waitFor()
    const box = await sign.boundingBox()
    expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThanOrEqual(844)
    expect(await dialog(page).evaluate((it) => it.scrollWidth - it.clientWidth)).toBeLessThanOrEqual(0)
    await page.context().close()
  })
})
