import { FileWarning, Info } from 'lucide-react'
import type { Metadata } from 'next'
import { notFound } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { cache } from 'react'
import { isFault } from '../../../pipelines/fault'
import { next } from '../../../pipelines/machine'
import { RUN, STAGE } from '../../../pipelines/run'
import { type Action, may, type Viewer } from '../../_server/permit'
import { theRecord } from '../../_server/record'
import { Denied } from '../../_ui/denied'
import { Live } from '../../_ui/live'
import { stageName } from '../../_ui/names'
import { Note, PageHead, Section } from '../../_ui/page'
import { Promotion } from '../../_ui/promotion'
import { StageList } from '../../_ui/stage-list'
import { Trace } from '../../_ui/trace'
import { Trail } from '../../_ui/trail'
import { WhyWaiting } from '../../_ui/waiting'
import type { RunDetail, StageShape } from '../../shapes'
import { one, viewer } from '../../viewer'
import { readRun } from '../read'
import { CancelRun, RetryStage } from './actions'
import { LogPanel } from './log-panel'
import { RunFacts } from './run-facts'

interface Props {
  params: Promise<{ id: string }>
  searchParams: Promise<Record<string, string | string[] | undefined>>
}

const theRun = cache(async (id: string): Promise<RunDetail> => {
  try {
    return await readRun(theRecord(), /^\d{1,10}$/.test(id) ? Number(id) : 0)
  } catch (error) {
    if (isFault(error) && error.code === 'not.found') notFound()
    throw error
  }
})

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { id } = await params
  if (!(await viewer('runs.read', `/runs/${id}`)).ok) return {}
  const run = await theRun(id)
  return { title: `${run.title || run.branch} · ${run.service} #${run.id}` }
}

const RAN = new Set(['succeeded', 'failed', 'errored', 'canceled', 'running', 'queued'])

/** The stage to look at: what runs, what went wrong first, or what ran last. */
function stageToShow(stages: readonly StageShape[], asked: string | undefined): StageShape | undefined {
  return (
    stages.find((s) => s.name === asked) ??
    stages.find((s) => s.status === 'running') ??
    stages.find((s) => s.status === 'failed' || s.status === 'errored') ??
    stages.findLast((s) => RAN.has(s.status) && s.startedAt !== null) ??
    stages[0]
  )
}

export default async function Run({ params, searchParams }: Props) {
  const { id } = await params
  const asking = await viewer('runs.read', `/runs/${id}`)
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const [t, run, query] = await Promise.all([getTranslations(), theRun(id), searchParams])
  const chosen = stageToShow(run.stages, one(query.stage))
  const denied = (action: Action) => whyDenied(t, asking.viewer, action)
  return (
    <>
      <PageHead
        back={{ href: '/runs', text: t('run.back') }}
        title={
          <>
            {run.title || t('runs.noTitle')} <span className="font-normal text-faint">#{run.id}</span>
          </>
        }
        subtitle={<RunFacts run={run} />}
        aside={
          <>
            <Live run={run.id} />
            {next(RUN, run.status, 'cancel') && <CancelRun run={run.id} denied={denied('runs.cancel')} />}
          </>
        }
      />
      <div className="space-y-7">
        <Notes run={run} />
        <Trace run={run} chosen={chosen?.name} />
        <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-x-5 gap-y-7 lg:grid-cols-[minmax(0,20rem)_minmax(0,1fr)]">
          <Section title={t('run.stages')}>
            {run.stages.length === 0 ? (
              <p className="card px-4 py-3 text-soft">{t(run.finishedAt ? 'run.noStagesEver' : 'run.noStages')}</p>
            ) : (
              <StageList
                of={`runs/${run.id}`}
                stages={run.stages}
                chosen={chosen?.name}
                actions={(stage) =>
                  next(STAGE, stage.status, 'retry') && (
                    <RetryStage
                      run={run.id}
                      stage={stage.name}
                      name={stageName(t, stage.name)}
                      denied={denied('runs.retry')}
                    />
                  )
                }
              />
            )}
          </Section>
          {chosen && (
            <Section title={t('run.log')} id="log">
              <LogPanel
                of={`runs/${run.id}`}
                stage={chosen.name}
                name={stageName(t, chosen.name)}
                running={chosen.status === 'running'}
              />
            </Section>
          )}
        </div>
        <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-x-5 gap-y-7 lg:grid-cols-2">
          {run.promotions.length > 0 && (
            <Section title={t('run.promotions')} id="promotions" className="scroll-mt-16">
              <div className="space-y-3">
                {run.promotions.map((promotion) => (
                  <Promotion key={promotion.id} promotion={promotion} />
                ))}
              </div>
            </Section>
          )}
          <Section title={t('run.trail')} {...(run.promotions.length === 0 ? { className: 'lg:col-span-2' } : {})}>
            <Trail trail={run.trail} />
          </Section>
        </div>
      </div>
    </>
  )
}

/** Said beside the button that it disables; null where it may be pressed. */
function whyDenied(t: Awaited<ReturnType<typeof getTranslations<never>>>, who: Viewer, action: Action): string | null {
  return may(who, action) ? null : t('run.notPermitted', { role: t(`account.role.${who.role}`) })
}

const NOTE_TONE = { failed: 'fail', errored: 'err', refused: 'refuse' } as const
const hasTone = (status: string): status is keyof typeof NOTE_TONE => Object.hasOwn(NOTE_TONE, status)

/** What a reader must know before the details: why it ended so, what it waits for, what is wrong with its service file. */
async function Notes({ run }: { run: RunDetail }) {
  const t = await getTranslations('run')
  return (
    <>
      {run.because && !run.waiting && run.problems.length === 0 && (
        <Note
          tone={hasTone(run.status) ? NOTE_TONE[run.status] : 'info'}
          icon={<Info aria-hidden="true" />}
          title={run.because}
        />
      )}
      {run.waiting && <WhyWaiting waiting={run.waiting} />}
      {run.problems.length > 0 && (
        <Note tone="refuse" icon={<FileWarning aria-hidden="true" />} title={run.because || t('problems')}>
          <ul className="mt-1.5 space-y-1">
            {run.problems.map((problem) => (
              <li
                key={`${problem.line} ${problem.path} ${problem.message}`}
                className="grid gap-x-3 text-[13px] sm:grid-cols-[5rem_minmax(0,1fr)]"
              >
                <span className="text-soft">{problem.line === null ? '' : t('line', { line: problem.line })}</span>
                <span>
                  {problem.path && <code className="mr-1.5 text-xs">{problem.path}</code>}
                  {problem.message}
                </span>
              </li>
            ))}
          </ul>
        </Note>
      )}
      {run.templated && (
        <Note icon={<Info aria-hidden="true" />} title={t('templatedTitle')}>
          <span className="text-soft">{t('templated')}</span>
        </Note>
      )}
    </>
  )
}
