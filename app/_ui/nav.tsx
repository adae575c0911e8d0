'use client'
import {
  FolderGit2,
  GitPullRequest,
  Inbox,
  LayoutDashboard,
  Package,
  PenLine,
  ScrollText,
  Ship,
  Users,
  Workflow,
} from 'lucide-react'
import Link from 'next/link'
import { usePathname } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { cn } from './classes'

/** `bar`: it has a place in the bar of a phone, where there is room for five; the others are behind its "more". */
const PLACES = [
  { href: '/', name: 'board', icon: LayoutDashboard, bar: true },
  { href: '/promotions', name: 'promotions', icon: Ship, bar: true },
  { href: '/approvals', name: 'approvals', icon: PenLine, bar: true, counts: true },
  { href: '/releases', name: 'releases', icon: Package, bar: true },
  { href: '/merge-requests', name: 'mergeRequests', icon: GitPullRequest, bar: true },
  { href: '/runs', name: 'runs', icon: Workflow, bar: false },
  { href: '/deliveries', name: 'inbox', icon: Inbox, bar: false },
  { href: '/projects', name: 'projects', icon: FolderGit2, bar: false },
  { href: '/trail', name: 'trail', icon: ScrollText, bar: false },
  { href: '/accounts', name: 'accounts', icon: Users, bar: false, admin: true },
] as const

const LOOK = {
  rail: {
    list: 'space-y-0.5',
    link: 'flex h-9 items-center gap-2.5 rounded-[7px] px-2.5 font-medium',
    here: 'bg-accent-ground text-accent',
    there: 'text-soft hover:bg-raised hover:text-ink',
  },
  bar: {
    list: 'grid grid-cols-5',
    link: 'flex h-14 min-w-0 flex-col items-center justify-center gap-1 px-0.5 text-center text-[11px] leading-tight font-medium',
    here: 'text-accent',
    there: 'text-soft',
  },
} as const

export interface NeedsMe {
  needsMe: number
  more: boolean
}

/**
 * @param shape of a wide screen, of a phone's bar, or of what stands behind the bar's "more"
 * @param admin what only administrators may open is offered as well
 * @param waits how much waits for the answer of whoever looks
 */
export function NavLinks({ shape, admin, waits }: { shape: 'rail' | 'bar' | 'more'; admin: boolean; waits: NeedsMe }) {
  const t = useTranslations('nav')
  const path = usePathname()
  const look = LOOK[shape === 'bar' ? 'bar' : 'rail']
  const offered = PLACES.filter((place) => admin || !('admin' in place))
  const places = shape === 'rail' ? offered : offered.filter((place) => place.bar === (shape === 'bar'))
  return (
    <ul className={look.list}>
      {places.map((place) => {
        const { href, name, icon: Icon } = place
        const here = href === '/' ? path === '/' : path === href || path.startsWith(`${href}/`)
        return (
          <li key={href}>
            <Link
              href={href}
              className={cn('relative', look.link, here ? look.here : look.there)}
              {...(here ? { 'aria-current': 'page' as const } : {})}
            >
              <Icon aria-hidden="true" className={shape !== 'bar' ? 'size-4' : 'size-5'} />
              {t(name)}
              {'counts' in place && <Badge waits={waits} bar={shape === 'bar'} />}
            </Link>
          </li>
        )
      })}
    </ul>
  )
}

/** How many wait: as a number for the eye, and as a sentence for whoever listens. */
function Badge({ waits: { needsMe, more }, bar }: { waits: NeedsMe; bar: boolean }) {
  const t = useTranslations('nav')
  if (needsMe === 0) return null
  return (
    <span
      className={cn(
        'grid h-4.5 min-w-4.5 place-items-center rounded-full bg-accent px-1 text-[11px] leading-none font-semibold text-on-accent',
        bar ? 'absolute top-1.5 left-1/2 ml-1' : 'ml-auto',
      )}
    >
      <span aria-hidden="true">{more ? `${needsMe}+` : needsMe}</span>
      <span className="sr-only">{t('waitForYou', { count: needsMe })}</span>
    </span>
  )
}
