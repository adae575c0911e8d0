import Link from 'next/link'
import { useTranslations } from 'next-intl'
import { cn } from '../_ui/classes'

const PLACES = [
  { href: '/account', name: 'mine' },
  { href: '/account/passkeys', name: 'passkeys' },
  { href: '/account/tokens', name: 'tokens' },
] as const

/** The pages of one's own account. */
export function AccountNav({ here }: { here: (typeof PLACES)[number]['href'] }) {
  const t = useTranslations('people.nav')
  return (
    <nav aria-label={t('label')} className="mb-6 overflow-x-auto">
      <ul className="flex w-max gap-1">
        {PLACES.map(({ href, name }) => (
          <li key={href}>
            <Link
              href={href}
              className={cn(
                'inline-flex h-8 items-center rounded-full px-3 text-[13px] font-medium whitespace-nowrap',
                href === here ? 'bg-accent-ground text-accent' : 'text-soft hover:bg-raised hover:text-ink',
              )}
              {...(href === here ? { 'aria-current': 'page' as const } : {})}
            >
              {t(name)}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  )
}
