import { useTranslations } from 'next-intl'
import { Differences } from '../../_ui/differences'
import { shortCommit } from '../../_ui/duration'
import { environmentInText } from '../../_ui/names'
import { Section } from '../../_ui/page'
import { Outward } from '../../_ui/refs'
import type { PromotionDetail } from '../shapes'

/** Compared before it is asked for: what runs, what comes, and the commits between the two. */
export function Compare({ promotion }: { promotion: PromotionDetail }) {
  const t = useTranslations()
  const { current, differences, commits, deployedAt } = promotion
  return (
    <Section title={t(deployedAt === null ? 'promotion.compare' : 'promotion.compared')}>
      <div className="card overflow-hidden">
        {current === null && (
          <p className="border-b border-line px-4 py-3 text-soft">
            {t('promotion.nothingRuns', { environment: environmentInText(t, promotion.environment) })}
          </p>
        )}
        <Differences rows={differences} before={t(deployedAt === null ? 'promotion.now' : 'promotion.before')} />
        {current !== null && (
          <p className="flex flex-wrap gap-x-3 border-t border-line px-4 py-2.5 text-[13px] text-soft">
            {commits === null ? (
              t('promotion.noCommits')
            ) : (
              <>
                {t(commits.back ? 'promotion.commitsBack' : 'promotion.commits')}
                {commits.url === '' ? (
                  <code className="text-xs">
                    {shortCommit(commits.from)}…{shortCommit(commits.to)}
                  </code>
                ) : (
                  <Outward href={commits.url} className="font-mono text-xs">
                    {shortCommit(commits.from)}…{shortCommit(commits.to)}
                  </Outward>
                )}
              </>
            )}
          </p>
        )}
      </div>
    </Section>
  )
}
