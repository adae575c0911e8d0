import { Undo2 } from 'lucide-react'
import { getTranslations } from 'next-intl/server'
import { GLASS_REASON } from '../../environments/statement'
import type { Action, Viewer } from '../_server/permit'
import { AskFirst } from '../_ui/act'
import { environmentInText } from '../_ui/names'
import { Rules } from '../_ui/rules'
import { whyNot } from '../why-not'
import { AnswerButtons, type Denied } from './buttons'
import type { Deed } from './use-answer'
import type { Answers } from './votes'
import { Eligible, Votes } from './votes-list'

interface Subject {
  kind: 'promotion' | 'policyChange'
  id: number
  projectId: number
  environment: string
  /** What is answered to: a release's tag, or what a change is called in the reader's language. */
  what: string
  /** It still waits for answers. */
  open: boolean
  /** This page's own address. */
  back: `/${string}`
}

interface Props {
  subject: Subject
  answers: Pick<Answers, 'votes' | 'eligible' | 'rules' | 'can'>
  viewer: Viewer
  /** Ways past the gates that are offered: an override only where there is a freeze. */
  emergency?: { override: boolean; breakGlass: boolean }
}

const ACTION: Record<Subject['kind'], Partial<Record<Deed, Action>>> = {
  promotion: {
    approve: 'promotions.approve',
    reject: 'promotions.reject',
    override: 'promotions.override',
    'break-glass': 'promotions.break-glass',
  },
  policyChange: { approve: 'policies.approve', reject: 'policies.approve' },
}

/** Who must answer and who has, for everybody; and for whoever may, the answer itself. */
export async function AnswerPanel({ subject, answers, viewer, emergency }: Props) {
  const t = await getTranslations()
  const { votes, eligible, rules } = answers
  const place = environmentInText(t, subject.environment)
  return (
    <div
      // A page may show several proposals, and each has an address of its own there.
      {...(subject.kind === 'promotion' ? { id: 'answer' } : {})}
      className="card scroll-mt-16 overflow-hidden"
    >
      {rules.length === 0 ? (
        <p className="px-4 py-3 text-soft">{t('answer.noRules', { place })}</p>
      ) : (
        <Rules rules={rules} open={subject.open} />
      )}
      <Votes votes={votes} />
      {subject.open && rules.length > 0 && <Eligible people={eligible} />}
      {subject.open && (rules.length > 0 || emergency) && (
        <div className="space-y-4 border-t border-line px-4 py-4">
          <AnswerButtons
            to={{ kind: subject.kind, id: subject.id }}
            what={subject.what}
            environment={subject.environment}
            place={place}
            denied={await deniedOf({ subject, answers, viewer, emergency })}
            overriding={votes.some((v) => v.counts && v.decision === 'override')}
            glassReason={GLASS_REASON}
          />
          {votes
            .filter((v) => v.mine && v.status === 'given' && v.decision !== 'reject')
            .map(({ approval, decision }) => (
              <AskFirst
                key={approval}
                path={`/api/v1/approvals/${approval}/withdraw`}
                back={subject.back}
                text={t('answer.withdraw')}
                size="small"
                icon={<Undo2 aria-hidden="true" className="size-4 shrink-0" />}
                denied={
                  subject.kind === 'promotion'
                    ? whyNot(t, viewer, 'approvals.withdraw', undefined, whereOf(subject))
                    : null
                }
                question={{
                  title: t('answer.withdrawTitle', { what: subject.what, place }),
                  text: t(decision === 'approve' ? 'answer.withdrawText' : 'answer.withdrawOther'),
                  confirm: t('answer.withdrawConfirm'),
                }}
              />
            ))}
        </div>
      )}
    </div>
  )
}

const whereOf = ({ projectId, environment }: Subject) => ({ projectId, environment })

/** The first reason that stands against each answer that is offered: the role in the reader's language, else the record's words. */
async function deniedOf({ subject, answers, viewer, emergency }: Props): Promise<Denied> {
  const t = await getTranslations()
  const { can, rules } = answers
  const why = (deed: Deed, may: Answers['can'][keyof Answers['can']]): Denied => {
    const action = ACTION[subject.kind][deed]
    return action === undefined ? {} : { [deed]: whyNot(t, viewer, action, may, whereOf(subject)) }
  }
  return {
    ...(rules.length > 0 ? { ...why('approve', can.approve), ...why('reject', can.reject) } : {}),
    ...(emergency?.override ? why('override', can.override) : {}),
    ...(emergency?.breakGlass ? why('break-glass', can.breakGlass) : {}),
  }
}
