import { Check, TriangleAlert, X } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { cn } from '../../_ui/classes'
import { checkName } from '../../_ui/names'
import type { ProjectDetail } from '../shapes'

const LOOKS = {
  passed: { icon: Check, disc: 'bg-ok-ground text-ok', word: 'text-ok' },
  warning: { icon: TriangleAlert, disc: 'bg-err-ground text-err', word: 'text-err' },
  open: { icon: X, disc: 'bg-fail-ground text-fail', word: 'text-fail' },
} as const

/** What was looked at on the forge. A warning passed, and somebody should look all the same. */
export function Checks({ checks }: { checks: ProjectDetail['checks'] }) {
  const t = useTranslations()
  if (checks.length === 0) return <p className="card px-4 py-3 text-soft">{t('project.noChecks')}</p>
  return (
    <ul className="card divide-y divide-line" aria-label={t('project.checks')}>
      {checks.map((check) => {
        const state = check.ok ? (check.warning ? 'warning' : 'passed') : 'open'
        const { icon: Icon, disc, word } = LOOKS[state]
        return (
          <li key={`${check.name} ${check.because}`} className="flex gap-3 px-4 py-3">
            <span className={cn('grid size-6 shrink-0 place-items-center rounded-full', disc)}>
              <Icon aria-hidden="true" className="size-3.5" strokeWidth={2.25} />
            </span>
            <div className="min-w-0">
              <p className="font-medium">
                {checkName(t, check.name)}{' '}
                <span className={cn('ml-1 text-xs font-normal', word)}>{t(`check.${state}`)}</span>
              </p>
              <p className="text-[13px] text-soft wrap-anywhere">{check.because}</p>
              {check.remedy && state !== 'passed' && (
                <p className="mt-1.5 rounded-md bg-raised px-3 py-2 text-[13px] wrap-anywhere">
                  <span className="font-medium">{t('project.remedy')}:</span> {check.remedy}
                </p>
              )}
            </div>
          </li>
        )
      })}
    </ul>
  )
}
