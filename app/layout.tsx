import type { Metadata, Viewport } from 'next'
import { cookies } from 'next/headers'
import { NextIntlClientProvider } from 'next-intl'
import { getLocale, getMessages, getTranslations } from 'next-intl/server'
import type { ReactNode } from 'react'
import { LOCALES } from './_i18n/locale'
import { theRecord } from './_server/record'
import { Preferences, type Theme } from './_ui/preferences'
import { Bare, Shell } from './_ui/shell'
import { Account } from './account'
import { countNeedsMe } from './approvals/read'
import { HealthStrip } from './health/strip'
import { whoLooks } from './viewer'
import './globals.css'

export const metadata: Metadata = {
  title: { template: '%s · Shiplock', default: 'Shiplock' },
  robots: { index: false },
  referrer: 'same-origin',
}
export const viewport: Viewport = {
  themeColor: [
    { media: '(prefers-color-scheme: light)', color: '#ffffff' },
    { media: '(prefers-color-scheme: dark)', color: '#11181c' },
  ],
}

const LANGUAGES: Record<(typeof LOCALES)[number], string> = { en: 'English', 'zh-CN': '简体中文' }
/** What runs in the browser needs these words; the others are written on the server. */
const IN_BROWSER = [
  'account',
  'accounts',
  'act',
  'answer',
  'connect',
  'environment',
  'error',
  'flow',
  'inbox',
  'live',
  'log',
  'nav',
  'passkeys',
  'problem',
  'project',
  'run',
  'status',
  'word',
] as const

export default async function Layout({ children }: { children: ReactNode }) {
  const [locale, messages, t, jar, who] = await Promise.all([
    getLocale(),
    getMessages(),
    getTranslations('app'),
    cookies(),
    whoLooks(),
  ])
  const waits = who && (await countNeedsMe(theRecord(), who))
  const asked = jar.get('theme')?.value
  const theme: Theme = asked === 'light' || asked === 'dark' ? asked : 'system'
  const preferences = <Preferences theme={theme} locales={LOCALES.map((code) => ({ code, name: LANGUAGES[code] }))} />
  const words = Object.fromEntries(IN_BROWSER.map((name) => [name, messages[name]]))
  return (
    <html lang={locale} className={theme === 'system' ? undefined : theme} suppressHydrationWarning>
      <body>
        <a
          href="#content"
          className="sr-only z-50 rounded-md bg-accent px-4 py-2 font-medium text-on-accent focus:not-sr-only focus:fixed focus:top-3 focus:left-3"
        >
          {t('skip')}
        </a>
        <NextIntlClientProvider messages={words}>
          {who && waits ? (
            <Shell
              preferences={preferences}
              account={<Account name={who.name} role={who.role} />}
              admin={who.role === 'admin'}
              waits={waits}
            >
              <HealthStrip viewer={who} />
              {children}
            </Shell>
          ) : (
            <Bare preferences={preferences}>{children}</Bare>
          )}
        </NextIntlClientProvider>
      </body>
    </html>
  )
}
