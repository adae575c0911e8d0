import Link from 'next/link'
import { cn } from './classes'

interface Tab {
  /** Undefined: no filter. */
  value: string | undefined
  text: string
}

/** One filter as a row of links: the address says which is chosen, so it works without a script and can be shared. */
export function Tabs({
  label,
  path,
  name,
  query,
  chosen,
  tabs,
}: {
  label: string
  path: string
  /** The filter's name in the address. */
  name: string
  /** Other filters, which stay. */
  query: Record<string, string | undefined>
  chosen: string | undefined
  tabs: readonly Tab[]
}) {
  const to = (value: string | undefined) => {
    const search = new URLSearchParams()
    for (const [key, text] of Object.entries({ ...query, [name]: value })) if (text) search.set(key, text)
    const text = search.toString()
    return text ? `${path}?${text}` : path
  }
  return (
    <nav aria-label={label} className="mb-4 overflow-x-auto">
      <ul className="flex w-max gap-1">
        {tabs.map(({ value, text }) => (
          <li key={value ?? ''}>
            <Link
              href={to(value)}
              className={cn(
                'inline-flex h-8 items-center rounded-full px-3 text-[13px] font-medium whitespace-nowrap',
                value === chosen ? 'bg-accent-ground text-accent' : 'text-soft hover:bg-raised hover:text-ink',
              )}
              {...(value === chosen ? { 'aria-current': 'page' as const } : {})}
            >
              {text}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  )
}
