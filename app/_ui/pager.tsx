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
}: {
  path: string
  query: Record<string, string | undefined>
  next: string | null
  deep: boolean
}) {
  const t = useTranslations()
  const to = (after?: string) => {
    const search = new URLSearchParams()
    for (const [name, value] of Object.entries({ ...query, after })) if (value) search.set(name, value)
    const text = search.toString()
    return text ? `${path}?${text}` : path
  }
  if (!next && !deep) return null
  return (
    <nav aria-label={t('runs.pages')} className="mt-4 flex justify-end gap-2">
      {deep && (
        <Link href={to()} className={button({ size: 'small' })}>
          <ChevronsLeft aria-hidden="true" className="size-4" />
          {t('word.newest')}
        </Link>
      )}
      {next && (
        <Link href={to(next)} className={button({ size: 'small' })} rel="next">
          {t('word.older')}
          <ChevronRight aria-hidden="true" className="size-4" />
        </Link>
      )}
    </nav>
  )
}
