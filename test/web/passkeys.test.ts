import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CDPSession, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openTrust } from '../../audit/keys'
import { admitPasskey } from '../../environments/admit-passkey'
import { makeEnrolmentCode } from '../../environments/enrolment-code'
import { admittedKey } from '../../environments/passkey-key'
import type { Context } from '../../pipelines/context'
import { readOrigin } from '../../prisma/origin'
import { enrolled } from '../passkeys'
import { openTown, type Town } from './browser'

let town: Town
let dir: string
let context: Context
beforeAll(async () => {
  town = await openTown()
  dir = mkdtempSync(join(tmpdir(), 'shiplock-web-passkeys-'))
  mkdirSync(join(dir, 'trail'))
  const trust = openTrust(town.keys, join(dir, 'trail'), await readOrigin(town.record), () => town.url)
  const { record, signer, keys } = town
  // As much of a worker as judging passkeys takes.
  context = { record, signer, keys, trust, trail: join(dir, 'trail'), worker: 'w1' } as Context
})
afterAll(async () => {
  await town?.close()
  rmSync(dir, { recursive: true, force: true })
})
afterEach(() => expect(town.complaints()).toEqual([]))

interface Device {
  cdp: CDPSession
  id: string
}

/** An authenticator inside the browser, whose person is there and is who they say, until told otherwise. */
async function device(page: Page): Promise<Device> {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      ctap2Version: 'ctap2_1',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  return { cdp, id: authenticatorId }
}

/** The worker's part: whatever is due. */
async function workerLooks() {
  const { rows } = await town.record.pool.query<{ id: number }>('SELECT id FROM "Passkey" WHERE "dueAt" IS NOT NULL')
  for (const { id } of rows) await admitPasskey(context, id)
}

const ownList = (page: Page) => page.getByRole('list', { name: 'Your passkeys' })
const rowOf = (page: Page, name: string) =>
  ownList(page)
    .getByRole('listitem')
    .filter({ has: page.getByRole('heading', { name, exact: true }) })

async function add(page: Page, name: string, code?: string) {
  const form = page.getByRole('form', { name: 'Add a passkey' })
  await form.getByLabel('Name').fill(name)
  if (code !== undefined) await form.getByLabel('Enrolment code', { exact: false }).fill(code)
  await form.getByRole('button', { name: 'Make a passkey' }).click()
}

describe('a passkey in the browser', () => {
  it('is made on the page and signs its person in', async () => {
    const page = await town.visit('dev', '/account/passkeys')
    await device(page)
    await page.getByText('No passkey yet').waitFor()
    await add(page, 'laptop')
    await page.getByText('The passkey laptop is there.').waitFor()
    const row = rowOf(page, 'laptop')
    await row.getByText('Opens sessions; not yet admitted for signing off').waitFor()

    await page.context().clearCookies()
    await page.goto(`${town.url}/login?next=/runs`)
    await page.getByRole('button', { name: 'Use a passkey' }).click()
    await page.waitForURL(`${town.url}/runs`)
    const session = await page.evaluate(async () => (await fetch('/api/v1/session')).json())
    expect(session.account.name).toBe('dev')
    const { rows } = await town.record.pool.query(`SELECT how FROM "Session" WHERE how = 'passkey'`)
    expect(rows).toHaveLength(1)
    await page.context().close()
  })

  it('is admitted with an enrolment code, which never leaves the page', async () => {
    const code = await makeEnrolmentCode(town.keys)
    const page = await town.visit('olga', '/account/passkeys')
    await device(page)
    const sent: string[] = []
    page.on('request', (request) => sent.push(`${request.url()} ${request.postData() ?? ''}`))
    await add(page, 'security key', code.toLowerCase())
    const row = rowOf(page, 'security key')
    await row.getByText('a worker is looking at it', { exact: false }).waitFor()
    await workerLooks()
    await row.getByText('Signs off as Operations').waitFor()
    const letters = code.replaceAll('-', '').toLowerCase()
    const bodies = sent.map((text) => text.replaceAll('-', '').toLowerCase())
    expect(bodies.some((text) => text.includes('"proof"'))).toBe(true)
    expect(bodies.filter((text) => text.includes(letters))).toEqual([])
    await page.context().close()
  })

  it('may be given its code later, is renamed and removed, all by keyboard', async () => {
    const page = await town.visit('otto', '/account/passkeys')
    await device(page)
    await add(page, 'phone')
    const row = rowOf(page, 'phone')
    await row.getByText('not yet admitted', { exact: false }).waitFor()
    const press = async (name: string, key = 'Enter') => {
      const there = page.getByRole('button', { name, exact: true }).or(page.locator('summary', { hasText: name }))
      await there.first().focus()
      await page.keyboard.press(key)
    }
    await row.locator('summary', { hasText: 'Give an enrolment code' }).focus()
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    await page.keyboard.type('WRNG-WRNG-WRNG-WRNG-WRNG-WRNG')
    await page.keyboard.press('Enter')
    await row.getByText('a worker is looking at it', { exact: false }).waitFor()
    await workerLooks()
    await row.getByText('the enrolment code is none of this installation').waitFor()

    await press('Rename')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Control+A')
    await page.keyboard.type('old phone')
    await page.keyboard.press('Enter')
    const renamed = rowOf(page, 'old phone')
    await renamed.waitFor()
    await renamed.getByRole('button', { name: 'Remove', exact: true }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('dialog', { name: 'Remove the passkey old phone' }).waitFor()
    await press('Remove it for ever')
    await page.getByText('No passkey yet').waitFor()
    await workerLooks()
    await page.context().close()
  })

  it('whose person is not verified is not taken, and signs nobody in', async () => {
    const page = await town.visit('owen', '/account/passkeys')
    const { cdp, id } = await device(page)
    await cdp.send('WebAuthn.setUserVerified', { authenticatorId: id, isUserVerified: false })
    await add(page, 'stolen')
    await page.getByRole('alert').getByText('The passkey was not used', { exact: false }).waitFor()
    await cdp.send('WebAuthn.setUserVerified', { authenticatorId: id, isUserVerified: true })
    await add(page, 'mine')
    await rowOf(page, 'mine').waitFor()

    await page.context().clearCookies()
    await page.goto(`${town.url}/login`)
    const button = page.getByRole('button', { name: 'Use a passkey' })
    await cdp.send('WebAuthn.setUserVerified', { authenticatorId: id, isUserVerified: false })
    await button.click()
    await page.getByRole('alert').getByText('The passkey was not used', { exact: false }).waitFor()
    await cdp.send('WebAuthn.setUserVerified', { authenticatorId: id, isUserVerified: true })
    // What the browser lets through, the server does not: a good signature without verification, and a bad one.
    for (const lie of [{ isBadUV: true }, { isBadUP: true }, { isBogusSignature: true }]) {
      await cdp.send('WebAuthn.setResponseOverrideBits', { authenticatorId: id, ...lie })
      await button.click()
      await page.getByRole('alert').getByText('this passkey opens nothing here', { exact: false }).waitFor()
      expect((await page.context().cookies()).filter((c) => c.name === 'shiplock_session')).toEqual([])
      await page.reload()
    }
    expect(town.complaints().every((line) => line.includes('401'))).toBe(true)
    await page.context().close()
  })

  it('says in words that the prompt was cancelled, that there is none, and that the address is the wrong one', async () => {
    const page = await town.stranger('/login')
    const { cdp } = await device(page)
    await cdp.send('WebAuthn.disable')
    const button = page.getByRole('button', { name: 'Use a passkey' })
    await page.evaluate(() => {
      navigator.credentials.get = () => Promise.reject(new DOMException('cancelled', 'NotAllowedError'))
    })
    await button.click()
    await page.getByRole('alert').getByText('the prompt was cancelled, or took too long', { exact: false }).waitFor()
    expect(await button.isEnabled()).toBe(true)
    await page.goto(town.url.replace('localhost', '127.0.0.1').concat('/login'))
    await button.click()
    await page.getByRole('alert').getByText('open Shiplock by its own name (localhost)', { exact: false }).waitFor()
    await page.context().close()
  })
})

describe('a vouch', () => {
  it('is signed over what is shown, and admits the key of somebody else', async () => {
    const { record, signer } = town
    const owen = await record.db.account.findUniqueOrThrow({ where: { name: 'owen' } })
    const olga = await record.db.account.findUniqueOrThrow({ where: { name: 'olga' } })
    await record.pool.query(`DELETE FROM "Passkey" WHERE "accountId" IN ($1, $2)`, [owen.id, olga.id])
    const visitor = await town.visit('owen', '/account/passkeys')
    await device(visitor)
    await add(visitor, 'phone of Owen')
    await rowOf(visitor, 'phone of Owen').waitFor()
    const words = await rowOf(visitor, 'phone of Owen').locator('dd.wrap-anywhere .font-mono').textContent()

    const page = await town.visit('olga', '/account/passkeys')
    const { cdp, id } = await device(page)
    const waiting = page
      .getByRole('list', { name: 'Vouch for others' })
      .getByRole('listitem')
      .filter({ hasText: 'phone of Owen' })
    expect(await waiting.getByRole('button', { name: 'Vouch for owen' }).isDisabled()).toBe(true)
    await waiting.getByText('First you need an admitted passkey of your own.').waitFor()
    // A key that a worker admitted, put into the browser's authenticator.
    const key = await enrolled(record, signer, olga.id, ['ops'])
    await cdp.send('WebAuthn.addCredential', {
      authenticatorId: id,
      credential: {
        credentialId: Buffer.from(key.credentialId, 'base64url').toString('base64'),
        isResidentCredential: true,
        rpId: 'localhost',
        userHandle: Buffer.from('olga').toString('base64'),
        privateKey: key.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
        signCount: 1,
      },
    })
    await page.reload()
    await waiting.getByText(words ?? 'no words').waitFor()
    await waiting.getByRole('button', { name: 'Vouch for owen' }).click()
    const dialog = page.getByRole('dialog', { name: 'Vouch for a passkey of owen' })
    await dialog.getByText(words ?? 'no words').waitFor()
    await dialog.getByText('The exact bytes that are signed').click()
    await dialog.getByText('"type":"shiplock.enrolment"', { exact: false }).waitFor()
    await dialog.getByRole('button', { name: 'Sign with my passkey' }).click()
    await waiting.waitFor({ state: 'detached' })
    await workerLooks()
    await visitor.reload()
    await rowOf(visitor, 'phone of Owen').getByText('Signs off as Project owner').waitFor()
    const { credentialId } = await record.db.passkey.findFirstOrThrow({
      where: { accountId: owen.id, status: 'admitted' },
    })
    expect(await admittedKey(record.pool, credentialId, context.trust)).toMatchObject({ roles: ['owner'] })
    await visitor.context().close()
    await page.context().close()
  })
})
