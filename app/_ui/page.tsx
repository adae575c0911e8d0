import { ChevronLeft } from 'lucide-react'
import Link from 'next/link'
import type { ReactNode } from 'react'
import { cn } from './classes'

interface HeadProps {
  title: ReactNode
  subtitle?: ReactNode
  back?: { href: string; text: string }
  aside?: ReactNode
}

/** Title of a page, what it is about, and what can be done. */
export function PageHead({ title, subtitle, back, aside }: HeadProps) {
  return (
    <header className="mb-6">
      {back && (
        <Link
          href={back.href}
          className="mb-2 -ml-1 inline-flex items-center gap-0.5 rounded text-[13px] text-soft hover:text-accent"
        >
          <ChevronLeft aria-hidden="true" className="size-4" />
          {back.text}
        </Link>
      )}
      <div className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
        <div className="min-w-0 flex-[1_1_16rem]">
          <h1 className="text-[22px] leading-tight font-semibold tracking-tight wrap-anywhere">{title}</h1>
          {subtitle && <div className="mt-1 text-soft">{subtitle}</div>}
        </div>
        {aside && <div className="flex flex-wrap items-center gap-3">{aside}</div>}
      </div>
    </header>
  )
}

/** A part of a page under its own heading. */
export function Section({
  title,
  aside,
  children,
  className,
  id,
}: {
  title: string
  aside?: ReactNode
  children: ReactNode
  className?: string
  id?: string
}) {
  return (
    <section className={className} aria-label={title} {...(id ? { id } : {})}>
      <div className="mb-2.5 flex min-h-6 items-center justify-between gap-3">
        <h2 className="text-sm font-semibold">{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  )
}

/** Nothing to show, and the next step. */
export function Empty({
  icon,
  title,
  text,
  action,
}: {
  icon: ReactNode
  title: string
  text: string
  action?: ReactNode
}) {
  return (
    <div className="card flex flex-col items-center px-6 py-14 text-center">
      <span className="mb-4 grid size-12 place-items-center rounded-full bg-accent-ground text-accent [&_svg]:size-6">
        {icon}
      </span>
      <h2 className="text-base font-semibold">{title}</h2>
      <p className="mt-1.5 max-w-md text-soft">{text}</p>
      {action && <div className="mt-5">{action}</div>}
    </div>
  )
}

const NOTES = {
  info: 'border-line bg-raised text-ink',
  ok: 'border-ok/25 bg-ok-ground text-ok',
  wait: 'border-wait/25 bg-wait-ground text-wait',
  fail: 'border-fail/25 bg-fail-ground text-fail',
  err: 'border-err/25 bg-err-ground text-err',
  refuse: 'border-refuse/25 bg-refuse-ground text-refuse',
} as const

/** Something that the reader should know before the rest. */
export function Note({
  tone = 'info',
  icon,
  title,
  children,
  className,
  live,
}: {
  tone?: keyof typeof NOTES
  icon?: ReactNode
  title?: ReactNode
  children?: ReactNode
  className?: string
  live?: boolean
}) {
  return (
    <div
      className={cn(
        'flex gap-3 rounded-[10px] border px-4 py-3 [&>svg]:mt-0.5 [&>svg]:size-4 [&>svg]:shrink-0',
        NOTES[tone],
        className,
      )}
      {...(live ? { role: 'alert' } : {})}
    >
      {icon}
      <div className="min-w-0 flex-1">
        {title && <p className="font-medium wrap-anywhere">{title}</p>}
        {children && <div className="text-ink wrap-anywhere">{children}</div>}
      </div>
    </div>
  )
}
