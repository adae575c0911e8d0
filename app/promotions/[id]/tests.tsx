import { Check, X } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'next-intl'
import { stageName } from '../../_ui/names'
import { Section } from '../../_ui/page'
import type { PromotionDetail } from '../shapes'

/** What the tests of its run came to, stage by stage. */
export function Tests({ promotion }: { promotion: PromotionDetail }) {
  const t = useTranslations()
  return (
    <Section title={t('promotion.tests')}>
      {promotion.tests.length === 0 ? (
        <p className="card px-4 py-3 text-soft">{t('promotion.noTests')}</p>
      ) : (
        <ul className="card divide-y divide-line text-[13px]">
          {promotion.tests.map((stage) => {
            const bad = stage.failed + stage.errored
            const Icon = bad === 0 ? Check : X
            return (
              <li key={stage.stage} className="flex flex-wrap items-center gap-x-3 px-4 py-2">
                <Icon
                  aria-hidden="true"
                  className={bad === 0 ? 'size-4 text-ok' : 'size-4 text-fail'}
                  strokeWidth={2.25}
                />
                <Link href={`/runs/${stage.run}?stage=${stage.stage}`} className="link font-medium">
                  {stageName(t, stage.stage)}
                </Link>
                <span className="ml-auto text-soft">
                  {t('promotion.testsOf', { passed: stage.passed, total: stage.total })}
                  {stage.skipped > 0 && ` · ${t('promotion.testsSkipped', { count: stage.skipped })}`}
                </span>
                {bad > 0 && <span className="text-fail">{t('promotion.testsBad', { count: bad })}</span>}
              </li>
            )
          })}
        </ul>
      )}
    </Section>
  )
}
