import { MoreHorizontal } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { Glyph, Wordmark } from './glyph'
import { NavLinks, type NeedsMe } from './nav'

interface ShellProps {
  children: ReactNode
  /** Theme and language. */
  preferences: ReactNode
  /** Who is signed in, and the way out. */
  account: ReactNode
  /** An administrator: the way to what only they may open is shown. */
  admin: boolean
  /** How much waits for their answer. */
  waits: NeedsMe
}

/** What stands around every page: a rail at the left on wide screens, a bar at the bottom on phones. */
export function Shell({ children, preferences, account, admin, waits }: ShellProps) {
  const t = useTranslations()
  return (
    <div className="min-h-dvh md:grid md:grid-cols-[212px_minmax(0,1fr)]">
      <header className="sticky top-0 z-30 hidden h-dvh flex-col border-r border-line bg-surface px-3 py-4 md:flex">
        <Link href="/" className="mb-6 rounded px-2 py-1" aria-label={`${t('app.name')}: ${t('nav.board')}`}>
          <Wordmark />
        </Link>
        <nav aria-label={t('app.nav')}>
          <NavLinks shape="rail" admin={admin} waits={waits} />
        </nav>
        <div className="mt-auto space-y-3">
          {preferences}
          {account}
        </div>
      </header>

      <header className="sticky top-0 z-30 flex h-13 items-center justify-between border-b border-line bg-surface/95 px-4 backdrop-blur md:hidden">
        <Link href="/" className="rounded" aria-label={`${t('app.name')}: ${t('nav.board')}`}>
          <Wordmark />
        </Link>
        <button
          type="button"
          popoverTarget="more"
          className="-mr-2 grid size-10 place-items-center rounded-lg text-soft hover:bg-raised"
          aria-label={t('nav.more')}
        >
          <MoreHorizontal aria-hidden="true" className="size-5" />
        </button>
        <div
          id="more"
          popover="auto"
          className="fixed inset-x-0 top-auto bottom-0 m-0 w-full max-w-none rounded-t-2xl border border-line bg-surface p-5 pb-8 text-ink shadow-2xl backdrop:bg-[rgb(4_12_16/.45)]"
        >
          <div className="space-y-4">
            <nav aria-label={t('nav.more')}>
              <NavLinks shape="more" admin={admin} waits={waits} />
            </nav>
            {account}
            {preferences}
          </div>
        </div>
      </header>

      <main id="content" tabIndex={-1} className="min-w-0 px-4 pt-5 pb-24 outline-none md:px-8 md:pt-7 md:pb-16">
        <div className="mx-auto max-w-[1280px]">{children}</div>
      </main>

      <nav
        aria-label={t('app.nav')}
        className="fixed inset-x-0 bottom-0 z-30 border-t border-line bg-surface/95 pb-[env(safe-area-inset-bottom)] backdrop-blur md:hidden"
      >
        <NavLinks shape="bar" admin={admin} waits={waits} />
      </nav>
    </div>
  )
}

/** A page without the rail: for who is not signed in. */
export function Bare({ children, preferences }: { children: ReactNode; preferences: ReactNode }) {
  return (
    <div className="grid min-h-dvh grid-rows-[1fr_auto] px-4">
      <main id="content" tabIndex={-1} className="grid place-items-center py-10 outline-none">
        {children}
      </main>
      <footer className="mx-auto mb-6 w-full max-w-sm">{preferences}</footer>
    </div>
  )
}

export function BareMark() {
  return <Glyph className="size-11" />
}
