import { useTranslations } from 'next-intl'
import { environmentInText, stageName } from '../../_ui/names'
import { Section } from '../../_ui/page'
import { StageList } from '../../_ui/stage-list'
import { LogPanel } from '../../runs/[id]/log-panel'
import type { PromotionDetail } from '../shapes'

/** The stages that ran against the environment, and the log of one of them. */
export function Verification({ promotion, asked }: { promotion: PromotionDetail; asked: string | undefined }) {
  const t = useTranslations()
  const { stages } = promotion
  if (stages.length === 0) return null
  const chosen =
    stages.find((s) => s.name === asked) ??
    stages.find((s) => s.status === 'running') ??
    stages.find((s) => s.status === 'failed' || s.status === 'errored') ??
    stages.findLast((s) => s.startedAt !== null) ??
    stages[0]
  const of = `promotions/${promotion.id}` as const
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-x-5 gap-y-7 lg:grid-cols-[minmax(0,20rem)_minmax(0,1fr)]">
      <Section title={t('promotion.verification')}>
        <p className="-mt-1.5 mb-2.5 text-[13px] text-soft">
          {t('promotion.verificationHelp', { environment: environmentInText(t, promotion.environment) })}
        </p>
        <StageList of={of} stages={stages} chosen={chosen?.name} actions={() => null} />
      </Section>
      {chosen && (
        <Section title={t('promotion.log')} id="log">
          <LogPanel
            of={of}
            stage={chosen.name}
            name={stageName(t, chosen.name)}
            running={chosen.status === 'running'}
          />
        </Section>
      )}
    </div>
  )
}
