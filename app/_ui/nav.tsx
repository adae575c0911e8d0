'use client'
import { FolderGit2, GitPullRequest, Inbox, LayoutDashboard, Package, Ship, Users, Workflow } from 'lucide-react'
import Link from 'next/link'
import { usePathname } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { cn } from './classes'

/** `bar`: it has a place in the bar of a phone, where there is room for five; the others are behind its "more". */
const PLACES = [
  { href: '/', name: 'board', icon: LayoutDashboard, bar: true },
  { href: '/promotions', name: 'promotions', icon: Ship, bar: true },
  { href: '/releases', name: 'releases', icon: Package, bar: true },
  { href: '/merge-requests', name: 'mergeRequests', icon: GitPullRequest, bar: true },
  { href: '/runs', name: 'runs', icon: Workflow, bar: true },
  { href: '/deliveries', name: 'inbox', icon: Inbox, bar: false },
  { href: '/projects', name: 'projects', icon: FolderGit2, bar: false },
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

/**
 * @param shape of a wide screen, of a phone's bar, or of what stands behind the bar's "more"
 * @param admin what only administrators may open is offered as well
 */
export function NavLinks({ shape, admin }: { shape: 'rail' | 'bar' | 'more'; admin: boolean }) {
  const t = useTranslations('nav')
  const path = usePathname()
  const look = LOOK[shape === 'bar' ? 'bar' : 'rail']
  const offered = PLACES.filter((place) => admin || !('admin' in place))
  const places = shape === 'rail' ? offered : offered.filter((place) => place.bar === (shape === 'bar'))
  return (
    <ul className={look.list}>
      {places.map(({ href, name, icon: Icon }) => {
        const here = href === '/' ? path === '/' : path === href || path.startsWith(`${href}/`)
        return (
          <li key={href}>
            <Link
              href={href}
              className={cn(look.link, here ? look.here : look.there)}
              {...(here ? { 'aria-current': 'page' as const } : {})}
            >
              <Icon aria-hidden="true" className={shape !== 'bar' ? 'size-4' : 'size-5'} />
              {t(name)}
            </Link>
          </li>
        )
      })}
    </ul>
  )
}
