'use client'
import { FolderGit2, Inbox, LayoutDashboard, Workflow } from 'lucide-react'
import Link from 'next/link'
import { usePathname } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { cn } from './classes'

const PLACES = [
  { href: '/', name: 'board', icon: LayoutDashboard },
  { href: '/runs', name: 'runs', icon: Workflow },
  { href: '/deliveries', name: 'inbox', icon: Inbox },
  { href: '/projects', name: 'projects', icon: FolderGit2 },
] as const

const LOOK = {
  rail: {
    list: 'space-y-0.5',
    link: 'flex h-9 items-center gap-2.5 rounded-[7px] px-2.5 font-medium',
    here: 'bg-accent-ground text-accent',
    there: 'text-soft hover:bg-raised hover:text-ink',
  },
  bar: {
    list: 'grid grid-cols-4',
    link: 'flex h-14 flex-col items-center justify-center gap-1 text-[11px] font-medium',
    here: 'text-accent',
    there: 'text-soft',
  },
} as const

export function NavLinks({ shape }: { shape: 'rail' | 'bar' }) {
  const t = useTranslations('nav')
  const path = usePathname()
  const look = LOOK[shape]
  return (
    <ul className={look.list}>
      {PLACES.map(({ href, name, icon: Icon }) => {
        const here = href === '/' ? path === '/' : path === href || path.startsWith(`${href}/`)
        return (
          <li key={href}>
            <Link
              href={href}
              className={cn(look.link, here ? look.here : look.there)}
              {...(here ? { 'aria-current': 'page' as const } : {})}
            >
              <Icon aria-hidden="true" className={shape === 'rail' ? 'size-4' : 'size-5'} />
              {t(name)}
            </Link>
          </li>
        )
      })}
    </ul>
  )
}
