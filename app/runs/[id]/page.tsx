import { FileWarning, Info } from 'lucide-react'
import type { Metadata } from 'next'
import { notFound } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { cache } from 'react'
import { isFault } from '../../../pipelines/fault'
import { next } from '../../../pipelines/machine'
import { RUN, STAGE } from '../../../pipelines/run'
import { type Action, may } from '../../_server/permit'
import { theRecord } from '../../_server/record'
import { ofRun } from '../../_server/rest/where'
import { Denied } from '../../_ui/denied'
import { Live } from '../../_ui/live'
import { stageName } from '../../_ui/names'
import { Note, PageHead, Section } from '../../_ui/page'
import { Pager } from '../../_ui/pager'
import { Promotion } from '../../_ui/promotion'
import { StageList } from '../../_ui/stage-list'
import { Trace } from '../../_ui/trace'
import { Trail } from '../../_ui/trail'
import { WhyWaiting } from '../../_ui/waiting'
import { type Asking, one, viewer } from '../../viewer'
import { rolesHeld } from '../../why-not'
import { runArtifacts } from '../artifacts'
import type { RunStage, RunWhole } from '../shapes'
import { readStageTests } from '../stage-tests'
import { readWholeRun } from '../whole'
import { CancelRun, RetryStage } from './actions'
import { Artifacts } from './artifacts'
import { LogPanel } from './log-panel'
import { Origin, Ties } from './origin'
import { RunFacts } from './run-facts'
import { TestResults } from './test-results'

interface Props {
  params: Promise<{ id: string }>
  searchParams: Promise<Record<string, string | string[] | undefined>>
}

const theRun = cache(async (id: string): Promise<RunWhole> => {
  try {
    return await readWholeRun(theRecord(), /^\d{1,10}$/.test(id) ? Number(id) : 0)
  } catch (error) {
    if (isFault(error) && error.code === 'not.found') notFound()
    throw error
  }
})

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { id } = await params
  if (!(await viewer('runs.read', `/runs/${id}`, [ofRun, id])).ok) return {}
  const run = await theRun(id)
  return { title: `${run.title || run.branch} · ${run.service} #${run.id}` }
}

const RAN = new Set(['succeeded', 'failed', 'errored', 'canceled', 'running', 'queued'])

/** The stage to look at: what runs, what went wrong first, or what ran last. */
function stageToShow(stages: readonly RunStage[], asked: string | undefined): RunStage | undefined {
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
  const asking = await viewer('runs.read', `/runs/${id}`, [ofRun, id])
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const [t, run, query] = await Promise.all([getTranslations(), theRun(id), searchParams])
  const chosen = stageToShow(run.stages, one(query.stage))
  const denied = (action: Action) => whyDenied(t, asking, action)
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
        <Origin
          run={run}
          denied={
            may(asking.viewer, 'runs.allow', asking.where)
              ? null
              : t('fork.denied', { role: rolesHeld(t, asking.viewer, asking.where) })
          }
        />
        <Notes run={run} />
        <Ties run={run} />
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
            <div className="space-y-7">
              {chosen.tests && <Tests run={run.id} stage={chosen.name} after={one(query.tests)} />}
              {chosen.artifacts > 0 && <Files run={run.id} stage={chosen.name} />}
              <Section title={t('run.log')} id="log">
                <LogPanel
                  of={`runs/${run.id}`}
                  stage={chosen.name}
                  name={stageName(t, chosen.name)}
                  running={chosen.status === 'running'}
                />
              </Section>
            </div>
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

interface OfStage {
  run: number
  stage: string
}

async function Tests({ run, stage, after }: OfStage & { after: string | undefined }) {
  const t = await getTranslations()
  const { summary, cases, next: more } = await readTheTests({ run, stage }, after)
  if (summary === null) return null
  return (
    <Section title={t('tests.of', { stage: stageName(t, stage) })} id="tests" className="scroll-mt-16">
      <TestResults summary={summary} cases={cases} />
      <Pager
        path={`/runs/${run}`}
        name="tests"
        query={{ stage }}
        next={more}
        deep={after !== undefined}
        words={{ next: t('tests.more'), first: t('tests.first') }}
      />
    </Section>
  )
}

/** An address that somebody typed may hold a cursor that is none: then the first page is shown. */
async function readTheTests(of: OfStage, after: string | undefined) {
  try {
    return await readStageTests(theRecord(), of, after)
  } catch (error) {
    if (isFault(error) && error.code === 'input.invalid') return readStageTests(theRecord(), of)
    throw error
  }
}

async function Files({ run, stage }: OfStage) {
  const t = await getTranslations('artifacts')
  const artifacts = await runArtifacts(theRecord(), run)
  return (
    <Section title={t('title')} aside={<span className="text-xs text-faint">{t('kept')}</span>}>
      <Artifacts artifacts={artifacts.filter((a) => a.stage === stage)} />
    </Section>
  )
}

/** Said beside the button that it disables; null where it may be pressed. */
function whyDenied(
  t: Awaited<ReturnType<typeof getTranslations<never>>>,
  { viewer: who, where }: Asking,
  action: Action,
): string | null {
  return may(who, action, where) ? null : t('run.notPermitted', { role: rolesHeld(t, who, where) })
}

const NOTE_TONE = { failed: 'fail', errored: 'err', refused: 'refuse' } as const
const hasTone = (status: string): status is keyof typeof NOTE_TONE => Object.hasOwn(NOTE_TONE, status)

/** What a reader must know before the details: why it ended so, what it waits for, what is wrong with its service file. */
async function Notes({ run }: { run: RunWhole }) {
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
