import { FilePen, RotateCcw, ShieldAlert } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { getTranslations } from 'next-intl/server'
import type { Viewer } from '../../../_server/permit'
import { theRecord, theTrust } from '../../../_server/record'
import { ofEnvironment } from '../../../_server/rest/where'
import { ActForm, Reason } from '../../../_ui/act'
import { Denied } from '../../../_ui/denied'
import { Live } from '../../../_ui/live'
import { environmentInText, environmentName } from '../../../_ui/names'
import { Note, PageHead, Section } from '../../../_ui/page'
import { Refusal } from '../../../_ui/refusal'
import { one, viewer } from '../../../viewer'
import { whyNot } from '../../../why-not'
import { listPolicyVersions, readPolicy } from '../../policies'
import type { PolicyDetail } from '../../policy-shapes'
import { thePlace } from '../../the-place'
import { InWords } from './in-words'
import { Proposal, ShortOf } from './proposals'
import { Versions } from './versions'

interface Props {
  params: Promise<{ id: string }>
  searchParams: Promise<Record<string, string | string[] | undefined>>
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { id } = await params
  if (!(await viewer('policies.read', `/environments/${id}/policy`, [ofEnvironment, id])).ok) return {}
  const [t, place] = await Promise.all([getTranslations(), thePlace(id)])
  return {
    title: t('policy.title', { environment: environmentName(t, place.name), project: place.project.path }),
  }
}

/** Versions that the page shows; REST has all of them. */
const SHOWN = 25

/** Who may put what into an environment, and when: what is in force, what is proposed, and what was. */
export default async function Policy({ params, searchParams }: Props) {
  const { id } = await params
  const asking = await viewer('policies.read', `/environments/${id}/policy`, [ofEnvironment, id])
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const [t, place, query] = await Promise.all([getTranslations(), thePlace(id), searchParams])
  const record = theRecord()
  const [policy, versions] = await Promise.all([
    readPolicy(record, place.id, theTrust()),
    listPolicyVersions(record, place.id, { limit: SHOWN }),
  ])
  const back = `/environments/${place.id}/policy` as const
  const words = { environment: environmentName(t, place.name), project: place.project.path }
  return (
    <>
      <PageHead
        back={{ href: `/environments/${place.id}`, text: t('place.title', words) }}
        title={t('policy.title', words)}
        subtitle={policy.version > 0 ? t('policy.inForce', { version: policy.version }) : t('policy.noneInForce')}
        aside={<Live />}
      />
      <div className="space-y-7">
        <Refusal problem={one(query.problem)} />
        <Disputed policy={policy} viewer={asking.viewer} back={back} />
        {policy.open.length > 0 && (
          <Section title={t('policy.proposals')} id="proposals">
            <div className="space-y-6">
              {policy.open.map((item) => (
                <Proposal key={item.id} item={item} viewer={asking.viewer} back={back} />
              ))}
            </div>
          </Section>
        )}
        <Section title={t('policy.says')}>
          <div className="space-y-3">
            <ShortOf rules={policy.shortOf} />
            <InWords policy={policy.policy} />
          </div>
        </Section>
        {policy.yaml !== '' && (
          <Section title={t('policy.yaml')}>
            <pre className="card overflow-x-auto px-4 py-3 font-mono text-xs leading-relaxed">{policy.yaml}</pre>
          </Section>
        )}
        <details id="propose">
          <summary className="mb-2.5 cursor-pointer text-sm font-semibold">{t('policy.propose')}</summary>
          <Propose policy={policy} viewer={asking.viewer} back={back} />
        </details>
        {versions.items.length > 0 && (
          <Section title={t('policy.versions')}>
            <Versions versions={versions.items} />
          </Section>
        )}
      </div>
    </>
  )
}

/** The policy that the row holds does not count: why, and the way out. */
async function Disputed({ policy, viewer: who, back }: { policy: PolicyDetail; viewer: Viewer; back: `/${string}` }) {
  const t = await getTranslations()
  if (policy.disputed === null) return null
  const { environment } = policy
  const where = { projectId: environment.project.id, environment: environment.name }
  return (
    <Note tone="fail" icon={<ShieldAlert aria-hidden="true" />} title={t('policy.disputed')}>
      <p>{policy.disputed}</p>
      {policy.version > 0 && (
        <ActForm
          className="mt-3"
          path={`/api/v1/environments/${environment.id}/policy/put-back`}
          back={back}
          text={t('policy.putBack')}
          size="small"
          icon={<RotateCcw aria-hidden="true" className="size-4 shrink-0" />}
          denied={whyNot(t, who, 'policies.change', undefined, where)}
        />
      )}
    </Note>
  )
}

async function Propose({ policy, viewer: who, back }: { policy: PolicyDetail; viewer: Viewer; back: `/${string}` }) {
  const t = await getTranslations()
  const { environment } = policy
  const where = { projectId: environment.project.id, environment: environment.name }
  const denied =
    whyNot(t, who, 'policies.change', undefined, where) ??
    (policy.open.some((change) => change.by === who.name) ? t('policy.openAlready') : null) ??
    (policy.version > 0 ? null : t('policy.noneInForce'))
  const words = { environment: environmentInText(t, environment.name) }
  return (
    <ActForm
      className="card px-4 py-4"
      path={`/api/v1/environments/${environment.id}/policy/changes`}
      back={back}
      text={t('policy.proposeSubmit', words)}
      kind="primary"
      icon={<FilePen aria-hidden="true" className="size-4 shrink-0" />}
      denied={denied}
    >
      <p className="text-soft">
        {t('policy.proposeHelp', words)}{' '}
        <Link href="/approvals" className="text-accent hover:underline">
          {t('policy.inbox')}
        </Link>
      </p>
      <div>
        <label htmlFor="policy-yaml" className="text-[13px] font-medium">
          {t('policy.yamlLabel')}
        </label>
        <textarea
          id="policy-yaml"
          name="yaml"
          required
          maxLength={65_536}
          rows={Math.min(30, policy.yaml.split('\n').length + 2)}
          spellCheck={false}
          defaultValue={policy.yaml}
          className="field mt-1 h-auto py-2 font-mono text-xs leading-relaxed"
        />
      </div>
      <Reason id="policy-reason" name="reason" label={t('policy.reason')} required help={t('policy.reasonHelp')} />
    </ActForm>
  )
}
