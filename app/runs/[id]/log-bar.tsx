'use client'
import { ArrowDownToLine, Download, Search, WrapText } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { cn } from '../../_ui/classes'
import { size } from '../../_ui/duration'
import { type LogOf, type LogState, readPage } from './use-log'

interface BarProps {
  of: LogOf
  stage: string
  name: string
  running: boolean
  count: number
  state: LogState
  follow: boolean
  onFollow: (on: boolean) => void
  wrap: boolean
  onWrap: (on: boolean) => void
  sought: string
  onSeek: (text: string) => void
  hits: number
  onNext: () => void
}

const TOGGLE =
  'inline-flex h-8 items-center gap-1.5 rounded-[6px] px-2 text-[13px] text-soft hover:bg-raised hover:text-ink aria-pressed:bg-accent-ground aria-pressed:text-accent'

/** What can be done with a log. */
export function LogBar({
  of,
  stage,
  name,
  running,
  count,
  state,
  follow,
  onFollow,
  wrap,
  onWrap,
  sought,
  onSeek,
  hits,
  onNext,
}: BarProps) {
  const t = useTranslations('log')
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5 border-b border-line px-3 py-2">
      <h3 className="text-[13px] font-semibold">{name}</h3>
      <span role="status" className="inline-flex items-center gap-1.5 text-xs text-faint">
        {state === 'following' && running && (
          <span aria-hidden="true" className="size-1.5 animate-pulse rounded-full bg-run-fill" />
        )}
        {state === 'lost'
          ? t('lost')
          : state === 'following' && running
            ? `${t('live')} · ${t('lines', { count })}`
            : state === 'failed'
              ? ''
              : t('lines', { count })}
      </span>
      <div className="ml-auto flex flex-wrap items-center gap-1">
        <label className="relative">
          <span className="sr-only">{t('find')}</span>
          <Search aria-hidden="true" className="pointer-events-none absolute top-2 left-2 size-4 text-faint" />
          <input
            type="search"
            value={sought}
            placeholder={t('find')}
            onChange={(event) => onSeek(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter') onNext()
            }}
            className="h-8 w-36 rounded-[6px] border border-edge bg-ground pr-2 pl-7.5 text-[13px] sm:w-44"
          />
        </label>
        {sought !== '' && (
          <button
            type="button"
            onClick={onNext}
            disabled={hits === 0}
            aria-label={`${t('next')}: ${t('matches', { count: hits })}`}
            className={TOGGLE}
          >
            {t('matches', { count: hits })}
          </button>
        )}
        {(running || state === 'lost') && (
          <button type="button" aria-pressed={follow} onClick={() => onFollow(!follow)} className={TOGGLE}>
            <ArrowDownToLine aria-hidden="true" className="size-4" />
            {t('follow')}
          </button>
        )}
        <button
          type="button"
          aria-pressed={wrap}
          aria-label={t('wrap')}
          title={t('wrap')}
          onClick={() => onWrap(!wrap)}
          className={TOGGLE}
        >
          <WrapText aria-hidden="true" className="size-4" />
        </button>
        <Save of={of} stage={stage} />
      </div>
    </div>
  )
}

/** The whole log as it came, put together from its pages: what is kept of a log is at most some megabytes. */
function Save({ of, stage }: { of: LogOf; stage: string }) {
  const t = useTranslations('log')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const save = async () => {
    setBusy(true)
    setProblem('')
    try {
      const parts: string[] = []
      for (let after = '', more = true; more; ) {
        const page = await readPage(of, stage, after)
        let at = 0
        for (const gap of page.gaps) {
          parts.push(page.text.slice(at, gap.at), `\n${t('gap', { size: size(gap.bytes) })}\n`)
          at = gap.at
        }
        parts.push(page.text.slice(at))
        after = page.next
        more = page.more
      }
      const href = URL.createObjectURL(new Blob(parts, { type: 'text/plain;charset=utf-8' }))
      const link = Object.assign(document.createElement('a'), {
        href,
        download: `${of.replace('s/', '-')}-${stage}.log`,
      })
      link.click()
      setTimeout(() => URL.revokeObjectURL(href), 60_000)
    } catch (error) {
      setProblem((error as Error).message)
    }
    setBusy(false)
  }
  return (
    <>
      <button
        type="button"
        onClick={save}
        disabled={busy}
        aria-label={t('download')}
        title={t('download')}
        className={cn(TOGGLE, busy && 'opacity-50')}
      >
        <Download aria-hidden="true" className="size-4" />
      </button>
      {problem && (
        <span role="alert" className="text-xs text-fail">
          {t('failed', { because: problem })}
        </span>
      )}
    </>
  )
}
