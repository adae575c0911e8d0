import { ChevronRight, ChevronsLeft } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'next-intl'
import { button } from './button'

/** Newest first, by cursor: on to what is older, or back to the newest. */
export function Pager({
  path,
  query,
  next,
  deep,
  name = 'after',
  words,
}: {
  path: string
  query: Record<string, string | undefined>
  next: string | null
  deep: boolean
  /** What the cursor is called in the address. */
  name?: string
  /** Where they do not go from the newest to what is older. */
  words?: { next: string; first: string }
}) {
  const t = useTranslations()
  const to = (after?: string) => {
    const search = new URLSearchParams()
    for (const [key, value] of Object.entries({ ...query, [name]: after })) if (value) search.set(key, value)
    const text = search.toString()
    return text ? `${path}?${text}` : path
  }
  if (!next && !deep) return null
  return (
    <nav aria-label={t('runs.pages')} className="mt-4 flex justify-end gap-2">
      {deep && (
        <Link href={to()} className={button({ size: 'small' })}>
          <ChevronsLeft aria-hidden="true" className="size-4" />
          {words?.first ?? t('word.newest')}
        </Link>
      )}
      {next && (
        <Link href={to(next)} className={button({ size: 'small' })} rel="next">
          {words?.next ?? t('word.older')}
          <ChevronRight aria-hidden="true" className="size-4" />
        </Link>
      )}
    </nav>
  )
}
