import { ArrowRight } from 'lucide-react'
import { useTranslations } from 'next-intl'
import type { DifferenceShape } from '../promotions/shapes'
import { cn } from './classes'
import { Commit, Digest } from './refs'

const stateOf = ({ changed, current, incoming }: DifferenceShape) => {
  if (!changed) return 'unchanged'
  if (current === null) return 'added'
  return incoming === null ? 'removed' : 'changed'
}
const TONE = {
  changed: 'bg-run-ground text-run',
  added: 'bg-ok-ground text-ok',
  removed: 'bg-fail-ground text-fail',
  unchanged: 'bg-mute-ground text-mute',
} as const

/** Like with like: what runs, what comes, and whether it is another. What stays the same is dimmed. */
export function Differences({ rows, before }: { rows: readonly DifferenceShape[]; before: string }) {
  const t = useTranslations('promotion')
  return (
    <table className="block w-full text-[13px] sm:table">
      <thead className="max-sm:sr-only">
        <tr className="text-left text-xs text-faint">
          <th scope="col" className="px-4 py-2 font-normal">
            {t('subject')}
          </th>
          <th scope="col" className="px-2 py-2 font-normal">
            {before}
          </th>
          <th scope="col" className="px-2 py-2 font-normal">
            {t('incoming')}
          </th>
          <th scope="col" className="px-4 py-2 text-right font-normal">
            {t('state')}
          </th>
        </tr>
      </thead>
      <tbody className="block divide-y divide-line border-line sm:table-row-group sm:border-t">
        {rows.map((row) => {
          const state = stateOf(row)
          return (
            <tr
              key={`${row.what} ${row.name}`}
              className={cn(
                'grid grid-cols-[minmax(0,1fr)_auto] gap-x-3 px-4 py-2 sm:table-row',
                !row.changed && 'text-faint',
              )}
            >
              <th scope="row" className="text-left font-medium wrap-anywhere sm:px-4 sm:py-2">
                {t(`what.${row.what}`)}
                {row.name && <code className="ml-1.5 text-xs">{row.name}</code>}
              </th>
              <td className="max-sm:order-3 sm:px-2 sm:py-2">
                <Value row={row} value={row.current} />
              </td>
              <td className="flex items-center gap-1.5 max-sm:order-4 max-sm:justify-self-end sm:table-cell sm:px-2 sm:py-2">
                <ArrowRight aria-hidden="true" className="size-3.5 text-faint sm:hidden" />
                <Value row={row} value={row.incoming} />
              </td>
              <td className="text-right max-sm:order-2 sm:px-4 sm:py-2">
                <span
                  className={cn(
                    'inline-block rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap',
                    TONE[state],
                  )}
                >
                  {t(state)}
                </span>
              </td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

function Value({ row, value }: { row: DifferenceShape; value: string | null }) {
  if (value === null) return <span className="text-faint">–</span>
  if (row.what === 'digest') return <Digest digest={value} />
  if (row.what === 'commit') return <Commit commit={value} />
  return <span className="wrap-anywhere">{value}</span>
}
