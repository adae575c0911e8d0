import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { startWeb, type Web, type WebOptions } from '../../app/_server/server'
import type { Signer } from '../../audit/certificate'
import { ensureTrailKey, openSigner, openTrust } from '../../audit/keys'
import type { Trust } from '../../audit/trust'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { readOrigin } from '../../prisma/origin'
import { freshDatabase } from '../database'
import { PASSWORD, type Seeded, seed } from './seed'

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Without windows where there is one: it opens a page in a third of the time. */
const BROWSERS = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium']

/** Accounts of the seed: an administrator, a developer, a viewer, an owner, two of operations; and Mira of seedAnswers. */
export type Visitor = 'ann' | 'dev' | 'vera' | 'owen' | 'olga' | 'otto' | 'mira'

/** Shiplock's pages over a seeded record, and a browser that looks at them. */
export interface Town {
  /** By name: passkeys do not work at a bare address. */
  url: string
  record: RecordHandle
  /** Folder of its keys. */
  keys: string
  /** The trail's key, as a worker holds it. */
  signer: Signer
  trust: Trust
  seeded: Seeded
  /** A page of a browser that is signed in. */
  visit(name: Visitor, path: string, options?: BrowserContextOptions): Promise<Page>
  stranger(path: string, options?: BrowserContextOptions): Promise<Page>
  /** What the browser complained about since it was last asked: console errors, exceptions, refused by the page's policy. */
  complaints(): string[]
  close(): Promise<void>
}

/** @param options.oidc where its people may sign in besides; the provider has to know the port */
export async function openTown(
  options: { empty?: boolean; oidc?: WebOptions['oidc']; port?: number } = {},
): Promise<Town> {
  // React chooses its build when it is first loaded; vitest says "test", and the pages were built for production.
  Object.assign(process.env, { NODE_ENV: 'production' })
  const database = await freshDatabase()
  const record = openRecord(database.url)
  const keys = fs.mkdtempSync(path.join(os.tmpdir(), 'shiplock-town-'))
  ensureTrailKey(keys)
  const signer = openSigner(keys)
  const seeded = await seed(record, signer, options)
  const web: Web = await startWeb({
    record,
    environments: [],
    pages: { dev: false },
    host: '127.0.0.1',
    port: options.port ?? 0,
    oidc: options.oidc ?? null,
    publicUrl: null,
    keys,
    logLevel: 'error',
    trustProxy: false,
  })
  const browser: Browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? BROWSERS.find((file) => fs.existsSync(file)) ?? '/usr/bin/chromium',
    args: FLAGS,
  })
  const url = web.url.replace('127.0.0.1', 'localhost')
  const heard: string[] = []
  const cookies = new Map<string, string>()

  const open = async (address: string, context: BrowserContext) => {
    const page = await context.newPage()
    page.setDefaultTimeout(15_000)
    page.on('console', (message) => {
      // Containers come and go on this machine, and their bridges with them: the browser asks again by itself.
      if (
        /net::ERR_NETWORK_CHANGED|Falling back to browser navigation\. TypeError: Failed to fetch/.test(message.text())
      )
        return
      if (message.type() === 'error') heard.push(`${new URL(page.url()).pathname}: ${message.text()}`)
    })
    page.on('pageerror', (error) => heard.push(`${new URL(page.url()).pathname}: ${error.message}`))
    await page.goto(url + address)
    return page
  }
  /** Signing in costs a tenth of a second of work on purpose: once for each account. */
  const cookieOf = async (name: string) => {
    const known = cookies.get(name)
    if (known) return known
    const answer = await fetch(`${url}/api/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: url },
      body: JSON.stringify({ name, password: PASSWORD }),
    })
    const value = /shiplock_session=([^;]+)/.exec(answer.headers.get('set-cookie') ?? '')?.[1] ?? ''
    cookies.set(name, value)
    return value
  }
  const DEFAULTS: BrowserContextOptions = {
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    colorScheme: 'light',
  }

  return {
    url,
    record,
    keys,
    signer,
    trust: openTrust(keys, null, await readOrigin(record), () => url),
    seeded,
    visit: async (name, path, context) => {
      const made = await browser.newContext({ ...DEFAULTS, ...context })
      await made.addCookies([{ name: 'shiplock_session', value: await cookieOf(name), url }])
      return open(path, made)
    },
    stranger: async (path, context) => open(path, await browser.newContext({ ...DEFAULTS, ...context })),
    complaints: () => heard.splice(0),
    close: async () => {
      await browser.close()
      await web.close()
      await record.close()
      await database.drop()
      fs.rmSync(keys, { recursive: true, force: true })
    },
  }
}
