'use client'
import { Check, Copy } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { type ReactNode, useState } from 'react'
import { cn } from './classes'

/** A hash, cut short for the eye and copied whole. */
export function Copyable({
  text,
  shown,
  what,
  className,
  children = shown,
}: {
  text: string
  shown: string
  what: string
  className?: string
  /** How `shown` looks. */
  children?: ReactNode
}) {
  const t = useTranslations('word')
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
    } catch {
      return // no right to the clipboard (plain http): the whole text stands in the title
    }
    setCopied(true)
    setTimeout(() => setCopied(false), 1_600)
  }
  const Icon = copied ? Check : Copy
  return (
    <button
      type="button"
      onClick={copy}
      title={text}
      aria-label={`${shown}. ${copied ? t('copied') : t('copy', { what })}`}
      className={cn(
        'relative z-10 inline-flex items-center gap-1 rounded px-1 py-0.5 -mx-1 font-mono text-xs text-soft hover:bg-raised hover:text-ink',
        className,
      )}
    >
      {children}
      <Icon aria-hidden="true" className={cn('size-3', copied ? 'text-ok' : 'opacity-60')} />
    </button>
  )
}
