import { ExternalLink, GitBranch } from 'lucide-react'
import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { cn } from './classes'
import { Copyable } from './copy'
import { shortCommit, shortDigest } from './duration'

export function Branch({ name, className }: { name: string; className?: string }) {
  return (
    <span className={cn('inline-flex max-w-full min-w-0 items-center gap-1 text-soft', className)} title={name}>
      <GitBranch aria-hidden="true" className="size-3.5 shrink-0" />
      <span className="truncate">{name}</span>
    </span>
  )
}

export function Digest({ digest, className }: { digest: string; className?: string }) {
  const t = useTranslations('word')
  return <Copyable text={digest} shown={shortDigest(digest)} what={t('digest')} {...(className ? { className } : {})} />
}

export function Commit({ commit }: { commit: string }) {
  const t = useTranslations('word')
  return <Copyable text={commit} shown={shortCommit(commit)} what={t('commit')} />
}

/** Only http and https lead out: an address comes from the record, and might be anything. */
export const isWeb = (href: string) => /^https?:\/\//i.test(href)

export function Outward({ href, children, className }: { href: string; children: ReactNode; className?: string }) {
  const t = useTranslations('word')
  if (!isWeb(href)) return <span className={className}>{children}</span>
  return (
    <a
      href={href}
      target="_blank"
      rel="noreferrer noopener"
      className={cn('relative z-10 inline-flex items-center gap-1 text-accent hover:underline', className)}
    >
      {children}
      <ExternalLink aria-hidden="true" className="size-3.5 shrink-0" />
      <span className="sr-only">{t('opensNew')}</span>
    </a>
  )
}
