import { Check, GitMerge } from 'lucide-react'
import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { ActForm, AskFirst } from '../../_ui/act'
import { shortCommit } from '../../_ui/duration'
import type { May, MergeRequestDetail } from '../shapes'

interface Props {
  mergeRequest: MergeRequestDetail
  approve: May
  merge: May
  /** What follows the merge, in words. */
  follows: string
}

/** Approve and merge, each for exactly the head that is shown; whoever may not sees why. */
export function Decide({ mergeRequest: { id, head, source, target }, approve, merge, follows }: Props) {
  const t = useTranslations('mergeRequest')
  const shown = shortCommit(head)
  const act = { back: `/merge-requests/${id}`, fields: { head } } as const
  const deniedBy = (can: May) => (can.may ? null : can.because)
  return (
    <div className="card divide-y divide-line">
      <Deed can={approve}>
        <ActForm
          {...act}
          path={`/api/v1/merge-requests/${id}/approve`}
          text={t('approve', { head: shown })}
          icon={<Check aria-hidden="true" className="size-4 shrink-0" />}
          denied={deniedBy(approve)}
        />
      </Deed>
      <Deed can={merge}>
        <AskFirst
          {...act}
          path={`/api/v1/merge-requests/${id}/merge`}
          kind="primary"
          text={t('merge', { head: shown, target })}
          icon={<GitMerge aria-hidden="true" className="size-4 shrink-0" />}
          denied={deniedBy(merge)}
          question={{ title: t('sure', { head: shown, source, target }), text: `${follows} ${t('sureHelp')}` }}
        />
      </Deed>
    </div>
  )
}

/** What it does, where it may be pressed; the button itself says why where it may not. */
function Deed({ can, children }: { can: May; children: ReactNode }) {
  return (
    <div className="space-y-2 px-4 py-3.5">
      {children}
      {can.may && <p className="text-[13px] text-soft wrap-anywhere">{can.because}</p>}
    </div>
  )
}
