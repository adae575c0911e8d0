import { KeyRound, ShieldCheck } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { cn } from '../../_ui/classes'
import { Time } from '../../_ui/time'
import type { ProjectDetail } from '../shapes'

/** How news of the forge gets here: by its webhook, and by looking at the branches every few minutes all the same. */
export function Webhook({ project }: { project: ProjectDetail }) {
  const t = useTranslations('project')
  const Icon = project.signed ? ShieldCheck : KeyRound
  return (
    <dl className="card space-y-3 px-4 py-3.5">
      <div>
        <dt className="text-xs text-faint">{t('forge')}</dt>
        <dd className="wrap-anywhere">{project.forgeUrl}</dd>
        <dd className="mt-1 text-[13px] text-soft">{t('webhookHelp')}</dd>
      </div>
      <div>
        <dt className="text-xs text-faint">{t('signing')}</dt>
        <dd className="flex items-center gap-1.5 font-medium">
          <Icon aria-hidden="true" className={cn('size-4', project.signed ? 'text-ok' : 'text-queue')} />
          {t(project.signed ? 'signed' : 'token')}
        </dd>
        <dd className="mt-0.5 text-[13px] text-soft">{t(project.signed ? 'signedHelp' : 'tokenHelp')}</dd>
      </div>
      <div>
        <dt className="text-xs text-faint">{t('reconciled')}</dt>
        <dd className="font-medium">
          {project.reconciledAt === null ? t('neverReconciled') : <Time at={project.reconciledAt} />}
        </dd>
        <dd className="mt-0.5 text-[13px] text-soft">{t('reconciledHelp')}</dd>
      </div>
    </dl>
  )
}
