import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { cn } from '../../_ui/classes'
import { environmentName, stageName } from '../../_ui/names'
import type { FlowRowShape } from '../shapes'

type T = ReturnType<typeof useTranslations<never>>

/** The flow of this project in words. On phones each row is a card, and each cell says its column. */
export function FlowTable({ rows }: { rows: readonly FlowRowShape[] }) {
  const t = useTranslations()
  const heads = [t('flow.branch'), t('flow.push'), t('flow.goes'), t('flow.into'), t('flow.rules')]
  return (
    <table
      aria-label={t('flow.table')}
      className="card block w-full table-fixed border-separate border-spacing-0 text-[13px] lg:table"
    >
      <thead className="hidden lg:table-header-group">
        <tr>
          {heads.map((head, i) => (
            <th key={head} scope="col" className={cn('px-4 py-2 text-left text-xs font-normal text-faint', WIDTHS[i])}>
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody className="block lg:table-row-group">
        {rows.map((row) => (
          <Row
            key={row.kind}
            heads={heads}
            first={
              <>
                <span className="font-semibold">{t(`flow.kind.${kindOf(row.kind)}`)}</span>
                <Names row={row} />
              </>
            }
            rest={[
              pushInWords(t, row),
              row.goesTo === null ? t('flow.nowhere') : environmentName(t, row.goesTo),
              row.mergesInto.length === 0
                ? t('flow.intoNothing')
                : row.mergesInto.map((into) => into.names.map(shown).join(t('flow.or'))).join(t('flow.comma')),
              <Rules key="rules" row={row} />,
            ]}
          />
        ))}
        <Row
          heads={heads}
          first={<span className="font-semibold">{t('flow.kind.other')}</span>}
          rest={[t('flow.refused'), t('flow.nowhere'), t('flow.intoNothing'), '–']}
        />
      </tbody>
    </table>
  )
}

/** Of the five columns, in the order of the heads. */
const WIDTHS = ['w-[16%]', 'w-[34%]', 'w-[13%]', 'w-[14%]', 'w-[23%]'] as const

function Row({ heads, first, rest }: { heads: readonly string[]; first: ReactNode; rest: readonly ReactNode[] }) {
  return (
    <tr className="block space-y-1.5 border-line px-4 py-3 not-first:border-t lg:table-row">
      <th
        scope="row"
        className="block border-line text-left font-normal lg:table-cell lg:border-t lg:px-4 lg:py-3 lg:align-top"
      >
        {first}
      </th>
      {rest.map((cell, i) => (
        <td
          key={heads[i + 1]}
          className="grid grid-cols-[7rem_minmax(0,1fr)] gap-x-3 border-line wrap-anywhere lg:table-cell lg:border-t lg:px-4 lg:py-3 lg:align-top"
        >
          <span aria-hidden="true" className="text-faint lg:hidden">
            {heads[i + 1]}
          </span>
          <div className="min-w-0">{cell}</div>
        </td>
      ))}
    </tr>
  )
}

const KINDS = ['feature', 'develop', 'release', 'master', 'hotfix'] as const
const kindOf = (kind: string) => KINDS.find((k) => k === kind) ?? 'other'
const shown = (name: string) => (name.endsWith('/') ? `${name}*` : name)

function Names({ row }: { row: FlowRowShape }) {
  const t = useTranslations('flow')
  return (
    <span className="mt-0.5 block space-y-0.5">
      <span className="block wrap-anywhere">
        {row.names.map((name, i) => (
          <span key={name}>
            {i > 0 && t('or')}
            <code className="text-xs">{shown(name)}</code>
          </span>
        ))}
      </span>
      {row.looks.length > 0 && (
        <span className="block text-soft wrap-anywhere">
          {t('called')} <code className="text-xs">{row.looks.join(t('or'))}</code>
        </span>
      )}
    </span>
  )
}

function pushInWords(t: T, row: FlowRowShape): string {
  const list = (stages: readonly string[]) => stages.map((s) => stageName(t, s)).join(t('flow.comma'))
  const run = row.adopts ? t('flow.adopts', { stages: list(row.stages) }) : list(row.stages)
  return row.optional.length === 0 ? run : `${run}${t('flow.optional', { stages: list(row.optional) })}`
}

const POLICIES = ['tag-made', 'tag-awaited', 'back-merge', 'debt-blocks', 'debt-shown'] as const

function Rules({ row }: { row: FlowRowShape }) {
  const t = useTranslations('flow')
  const rules = [
    ...(row.first ? [t('first')] : []),
    ...POLICIES.filter((p) => row.policies.includes(p)).map((p) => t(`policy.${p}`)),
  ]
  if (rules.length === 0) return '–'
  return (
    <ul className="space-y-0.5">
      {rules.map((rule) => (
        <li key={rule}>{rule}</li>
      ))}
    </ul>
  )
}
