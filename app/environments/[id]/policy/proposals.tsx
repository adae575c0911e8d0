import { TriangleAlert, Undo2 } from 'lucide-react'
import { getTranslations } from 'next-intl/server'
import type { Viewer } from '../../../_server/permit'
import { theRecord, theTrust } from '../../../_server/record'
import { AskFirst } from '../../../_ui/act'
import { environmentInText, roleName } from '../../../_ui/names'
import { Note } from '../../../_ui/page'
import { PolicyDifference } from '../../../_ui/policy-difference'
import { Time } from '../../../_ui/time'
import { AnswerPanel } from '../../../approvals/answer'
import { readPolicyChange } from '../../policies'
import type { PolicyChangeItem, ShortOfShape } from '../../policy-shapes'

/** What is proposed for an environment, who must agree, and the answer itself. */
export async function Proposal({ item, viewer, back }: { item: PolicyChangeItem; viewer: Viewer; back: `/${string}` }) {
  const t = await getTranslations()
  const change = await readPolicyChange(theRecord(), item.id, viewer, theTrust())
  const none = { may: false, because: '' }
  const { environment } = change
  return (
    <article
      id={`change-${change.id}`}
      className="scroll-mt-16 space-y-3"
      aria-label={t('policy.change', { id: change.id })}
    >
      <div className="card overflow-hidden">
        <header className="flex flex-wrap items-start gap-x-4 gap-y-2 px-4 py-3">
          <div className="min-w-0 flex-1">
            <h3 className="font-medium">
              {t('policy.change', { id: change.id })}{' '}
              <span className="font-normal text-soft">
                {t('policy.by', { name: change.by })} · <Time at={change.createdAt} />
              </span>
            </h3>
            <p className="mt-0.5 wrap-anywhere">{change.reason}</p>
            {change.because && <p className="mt-0.5 text-[13px] text-wait wrap-anywhere">{change.because}</p>}
          </div>
          {change.can.withdraw.may && (
            <AskFirst
              path={`/api/v1/policy-changes/${change.id}/withdraw`}
              back={back}
              text={t('policy.withdraw')}
              size="small"
              icon={<Undo2 aria-hidden="true" className="size-4 shrink-0" />}
              denied={null}
              question={{
                title: t('policy.withdrawTitle', { id: change.id }),
                text: t('policy.withdrawText'),
                confirm: t('policy.withdrawConfirm'),
                reason: { field: 'because', required: false },
              }}
            />
          )}
        </header>
        <div className="border-t border-line">
          <PolicyDifference rows={change.difference} />
        </div>
      </div>
      <ShortOf rules={change.shortOf} />
      <AnswerPanel
        subject={{
          kind: 'policyChange',
          id: change.id,
          projectId: environment.project.id,
          environment: environment.name,
          what: t('approvals.changeName', { id: change.id }),
          open: change.status === 'proposed',
          back,
        }}
        answers={{ ...change, can: { ...change.can, override: none, breakGlass: none } }}
        viewer={viewer}
      />
      <p className="text-xs text-faint">
        {t('policy.whoAgrees', { environment: environmentInText(t, environment.name) })}
      </p>
    </article>
  )
}

/** Rules that nobody could satisfy today: said before somebody locks everybody out. */
export async function ShortOf({ rules }: { rules: readonly ShortOfShape[] }) {
  const t = await getTranslations()
  if (rules.length === 0) return null
  return (
    <Note tone="err" icon={<TriangleAlert aria-hidden="true" />} title={t('policy.shortOf')}>
      <ul>
        {rules.map((rule) => (
          <li key={`${rule.role} ${rule.passkey} ${rule.count}`}>
            {t(rule.passkey ? 'policy.shortOfKeys' : 'policy.shortOfPeople', {
              role: roleName(t, rule.role),
              count: rule.count,
              found: rule.found,
            })}
          </li>
        ))}
      </ul>
    </Note>
  )
}
