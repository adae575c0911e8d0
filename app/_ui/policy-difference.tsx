import { useTranslations } from 'next-intl'
import type { PolicyDifferenceShape } from '../environments/policy-shapes'
import { cn } from './classes'

/** What a policy says now, and what it would say: as the lines of the file. `past`: what it said before, and since then. */
export function PolicyDifference({ rows, past = false }: { rows: readonly PolicyDifferenceShape[]; past?: boolean }) {
  const t = useTranslations('policy')
  return (
    <table className="block w-full text-[13px] sm:table">
      <thead className="max-sm:sr-only">
        <tr className="text-left text-xs text-faint">
          <th scope="col" className="w-1/4 px-4 py-2 font-normal">
            {t('key')}
          </th>
          <th scope="col" className="px-2 py-2 font-normal">
            {t(past ? 'was' : 'before')}
          </th>
          <th scope="col" className="px-4 py-2 font-normal">
            {t(past ? 'became' : 'after')}
          </th>
        </tr>
      </thead>
      <tbody className="block divide-y divide-line sm:table-row-group sm:border-t sm:border-line">
        {rows.map((row) => (
          <tr key={`${row.path} ${row.before} ${row.after}`} className="block px-4 py-2 sm:table-row">
            <th scope="row" className="block text-left font-medium wrap-anywhere sm:table-cell sm:px-4 sm:py-2">
              <code>{row.path}</code>
            </th>
            <td className="block sm:table-cell sm:px-2 sm:py-2 sm:align-top">
              <Value text={row.before} sign="−" look="bg-fail-ground text-fail" nothing={t('notThere')} />
            </td>
            <td className="block pt-1 sm:table-cell sm:px-4 sm:py-2 sm:align-top">
              <Value text={row.after} sign="+" look="bg-ok-ground text-ok" nothing={t('takenOut')} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Value({ text, sign, look, nothing }: { text: string | null; sign: string; look: string; nothing: string }) {
  if (text === null) return <span className="text-faint">{nothing}</span>
  return (
    <code className={cn('inline-block rounded px-1.5 py-0.5 text-xs whitespace-pre-wrap wrap-anywhere', look)}>
      <span aria-hidden="true">{sign} </span>
      {text}
    </code>
  )
}
