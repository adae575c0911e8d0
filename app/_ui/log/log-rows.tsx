'use client'
import { useTranslations } from 'next-intl'
import { memo } from 'react'
import { cn } from '../classes'
import { size } from '../duration'
import { spans } from './ansi'
import type { Row } from './lines'
import { LINE_PX } from './window'

interface RowsProps {
  rows: readonly Row[]
  first: number
  end: number
  /** Text lines of each row; null: one. */
  heightOf: ((row: number) => number) | null
  gutter: number
  marked: number
  hit: number
  hrefOf: (line: number) => string
  onMark: (line: number) => void
}

export function LogRows({ rows, first, end, heightOf, gutter, marked, hit, hrefOf, onMark }: RowsProps) {
  const shown = []
  for (let i = first; i < end; i++) {
    const row = rows[i]
    if (!row) continue
    shown.push(
      <LogRow
        key={i}
        row={row}
        lines={heightOf ? heightOf(i) : 0}
        gutter={gutter}
        href={row.number > 0 ? hrefOf(row.number) : ''}
        marked={row.number > 0 && row.number === marked}
        hit={i === hit}
        onMark={onMark}
      />,
    )
  }
  return <div>{shown}</div>
}

interface RowProps {
  row: Row
  /** 0: not wrapped */
  lines: number
  gutter: number
  href: string
  marked: boolean
  hit: boolean
  /** The same function from one drawing to the next: a row that did not change is not drawn again. */
  onMark: (line: number) => void
}

const LogRow = memo(function LogRow({ row, lines, gutter, href, marked, hit, onMark }: RowProps) {
  const wrapped = lines > 0
  return (
    <div
      className={cn(
        'flex min-w-full',
        wrapped ? 'w-full' : 'w-max',
        marked && 'bg-accent-ground',
        hit && 'bg-wait-ground',
        !marked && !hit && 'hover:bg-raised/70',
      )}
      style={{ height: Math.max(1, lines) * LINE_PX }}
    >
      {row.number > 0 ? (
        // Hundreds of stops would stand in the way of the Tab key: these are for the pointer.
        <a
          href={href}
          data-line={row.number}
          tabIndex={-1}
          onClick={(event) => {
            event.preventDefault()
            onMark(row.number)
          }}
          className="sticky left-0 shrink-0 bg-log pr-3 pl-3 text-right text-faint select-none hover:text-accent"
          style={{ width: `calc(${gutter}ch + 1.5rem)` }}
        >
          {row.number}
        </a>
      ) : (
        <span
          aria-hidden="true"
          className="sticky left-0 shrink-0 bg-log"
          style={{ width: `calc(${gutter}ch + 1.5rem)` }}
        />
      )}
      {row.gap > 0 ? <Gap bytes={row.gap} /> : <Text row={row} wrapped={wrapped} />}
    </div>
  )
})

function Text({ row, wrapped }: { row: Row; wrapped: boolean }) {
  return (
    <span className={cn('pr-4', wrapped ? 'min-w-0 flex-1 break-all whitespace-pre-wrap' : 'whitespace-pre')}>
      {spans(row.text, row.style).map((span, i) =>
        span.className === '' ? (
          span.text
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of a line have no name but their place
          <span key={i} className={span.className}>
            {span.text}
          </span>
        ),
      )}
      {row.text === '' ? '\n' : null}
    </span>
  )
}

function Gap({ bytes }: { bytes: number }) {
  const t = useTranslations('log')
  return <span className="rounded bg-err-ground px-2 text-err">{t('gap', { size: size(bytes) })}</span>
}
