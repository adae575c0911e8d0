import { CircleCheck, CircleSlash, CircleX, TriangleAlert } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { cn } from '../../_ui/classes'
import { Frame } from '../../_ui/frame'
import { Duration } from '../../_ui/time'
import type { TestSummaryShape } from '../shapes'
import type { TestCaseShape } from '../test-shapes'

type CaseStatus = keyof typeof LOOKS
const LOOKS = {
  failed: { icon: CircleX, look: 'text-fail' },
  errored: { icon: TriangleAlert, look: 'text-err' },
  skipped: { icon: CircleSlash, look: 'text-mute' },
  passed: { icon: CircleCheck, look: 'text-ok' },
} as const

/** Written by another version, perhaps: what is not known did not pass. */
const statusOf = (status: string): CaseStatus => (Object.hasOwn(LOOKS, status) ? (status as CaseStatus) : 'errored')

interface Props {
  summary: TestSummaryShape
  cases: readonly TestCaseShape[]
}

/** What a stage's reports say, suite by suite; what did not pass comes first, with its output. */
export function TestResults({ summary, cases }: Props) {
  const t = useTranslations('tests')
  const suites = bySuite(cases)
  return (
    <div className="card overflow-hidden">
      <Counts summary={summary} />
      {summary.problems.length > 0 && (
        <ul className="space-y-1 border-t border-line bg-err-ground px-4 py-2.5 text-[13px] text-err">
          {summary.problems.map((problem) => (
            <li key={problem} className="wrap-anywhere">
              {problem}
            </li>
          ))}
        </ul>
      )}
      {suites.map(({ name, cases: own, bad }) => (
        <details key={name} open={bad > 0} className="border-t border-line">
          <summary className="px-4 py-2.5 hover:bg-raised/60">
            <span className="ml-1 inline-flex flex-wrap items-baseline gap-x-3">
              <span className="font-medium wrap-anywhere">{name || t('noSuite')}</span>
              <span className={cn('text-[13px]', bad > 0 ? 'text-fail' : 'text-soft')}>
                {bad > 0 ? t('suiteBad', { bad, count: own.length }) : t('suiteGood', { count: own.length })}
              </span>
            </span>
          </summary>
          <Cases name={name || t('noSuite')} cases={own} bad={bad} />
        </details>
      ))}
      {summary.dropped > 0 && (
        <p className="border-t border-line px-4 py-2.5 text-[13px] text-soft">
          {t('dropped', { count: summary.dropped })}
        </p>
      )}
    </div>
  )
}

/** Where something did not pass, the others stand behind a line of their own. */
function Cases({ name, cases, bad }: { name: string; cases: readonly TestCaseShape[]; bad: number }) {
  const t = useTranslations('tests')
  const list = (some: readonly TestCaseShape[]) => (
    <ul className="divide-y divide-line border-t border-line" aria-label={name}>
      {some.map((one) => (
        <Case key={one.position} one={one} />
      ))}
    </ul>
  )
  const others = cases.slice(bad)
  if (bad === 0 || others.length === 0) return list(cases)
  return (
    <>
      {list(cases.slice(0, bad))}
      <details className="border-t border-line">
        <summary className="px-4 py-2 pl-10 text-[13px] text-soft hover:text-ink">
          {t('others', { count: others.length })}
        </summary>
        {list(others)}
      </details>
    </>
  )
}

function Counts({ summary }: { summary: TestSummaryShape }) {
  const t = useTranslations('tests')
  const counts = (['failed', 'errored', 'skipped', 'passed'] as const).filter((s) => summary[s] > 0)
  return (
    <p className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-3">
      <span className="font-medium">{t('total', { count: summary.total })}</span>
      {counts.map((status) => {
        const { icon: Icon, look } = LOOKS[status]
        return (
          <span key={status} className={cn('inline-flex items-center gap-1.5 text-[13px]', look)}>
            <Icon aria-hidden="true" className="size-4" />
            {t(status, { count: summary[status] })}
          </span>
        )
      })}
      <Duration ms={summary.ms} className="ml-auto text-[13px] text-soft" />
    </p>
  )
}

function Case({ one }: { one: TestCaseShape }) {
  const t = useTranslations('tests')
  const status = statusOf(one.status)
  const { icon: Icon, look } = LOOKS[status]
  return (
    <li className="px-4 py-2 text-[13px]">
      <p className="flex items-start gap-2.5">
        <Icon aria-label={t(`is.${status}`)} role="img" className={cn('mt-0.5 size-4 shrink-0', look)} />
        <span className="min-w-0 flex-1 wrap-anywhere">{one.name}</span>
        <Duration ms={one.ms} className="text-soft" />
      </p>
      {one.message && <p className={cn('mt-1 pl-6.5 wrap-anywhere', look)}>{one.message}</p>}
      {one.output && (
        <details open className="mt-1.5 pl-6.5">
          <summary className="text-soft hover:text-ink">{t('output', { name: one.name })}</summary>
          <Frame label={t('output', { name: one.name })} text={one.output} className="mt-1.5 max-h-80 rounded-md" />
        </details>
      )}
    </li>
  )
}

const BAD = new Set(['failed', 'errored'])

/** In the order of the reports; suites with something that did not pass first, and within a suite the same. */
function bySuite(cases: readonly TestCaseShape[]) {
  const suites = new Map<string, TestCaseShape[]>()
  for (const one of cases) {
    const known = suites.get(one.suite)
    if (known) known.push(one)
    else suites.set(one.suite, [one])
  }
  return [...suites]
    .map(([name, own]) => ({
      name,
      cases: own.toSorted((a, b) => Number(BAD.has(b.status)) - Number(BAD.has(a.status))),
      bad: own.filter((c) => BAD.has(c.status)).length,
    }))
    .toSorted((a, b) => Number(b.bad > 0) - Number(a.bad > 0))
}
