import { ShieldAlert, ShieldCheck } from 'lucide-react'
import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { Fragment } from 'react'
import type { Difference } from '../../../audit/known'
import { theHealth } from '../../_server/record'
import { Copyable } from '../../_ui/copy'
import { Denied } from '../../_ui/denied'
import { Live } from '../../_ui/live'
import { Empty, Note, PageHead, Section } from '../../_ui/page'
import { Moment } from '../../_ui/time'
import { viewer } from '../../viewer'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('restored'))('title') }
}

/** @param state the folder of the worker, where a command does not find it by itself */
const commandOf = (state: unknown) =>
  `${typeof state === 'string' ? `SHIPLOCK_STATE=${inShell(state)} ` : ''}npm run shiplock -- audit accept-restore --because "REASON"`
const inShell = (word: string) => (/^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)

/** An older database was put back, or another one: what differs, and how an administrator accepts it. */
export default async function Restored() {
  const asking = await viewer('health.read', '/trail/restored')
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const [t, health] = await Promise.all([getTranslations('restored'), theHealth().now()])
  const { trail } = health.parts
  const head = (
    <PageHead
      title={t('title')}
      subtitle={t('subtitle')}
      back={{ href: '/trail', text: (await getTranslations('trail'))('title') }}
      aside={<Live />}
    />
  )
  if (trail.code !== 'trail.other')
    return (
      <>
        {head}
        <Empty icon={<ShieldCheck aria-hidden="true" />} title={t('none')} text={t('noneHelp')} />
      </>
    )
  const difference = trail.params.difference as Difference
  const command = commandOf(trail.params.state)
  return (
    <>
      {head}
      <Note tone="fail" className="mb-6" icon={<ShieldAlert aria-hidden="true" />} title={t('why')}>
        {String(trail.params.because)}
      </Note>
      <Facts difference={difference} />
      <Section title={t('environments')} className="mb-6">
        <Environments difference={difference} />
      </Section>
      <Section title={t('how')}>
        <div className="card space-y-3 px-5 py-4">
          <p>{t('howText', { worker: String(trail.params.worker ?? '') })}</p>
          <Copyable text={command} shown={command} what={t('how')} className="text-left">
            <Words of={command} />
          </Copyable>
        </div>
      </Section>
    </>
  )
}

/** A command breaks between its words, and within a long path, never within an option. */
const Words = ({ of }: { of: string }) => (
  <span className="wrap-anywhere">
    {of.split(' ').map((word, at) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: a command does not change, and may hold a word twice
      <Fragment key={at}>
        {at === 0 ? '' : ' '}
        <span className={word.includes('/') ? '' : 'whitespace-nowrap'}>{word}</span>
      </Fragment>
    ))}
  </span>
)

async function Facts({ difference: d }: { difference: Difference }) {
  const t = await getTranslations('restored')
  const facts: [string, React.ReactNode][] = [
    [t('signed'), d.signed],
    [t('has'), d.has],
    ...(d.hasNow === undefined ? [] : ([[t('hasNow'), d.hasNow]] satisfies [string, React.ReactNode][])),
    [
      t('common'),
      d.common === null ? (
        t('noCommon')
      ) : (
        <>
          {t('commonIs', { size: d.common.size })}, <Moment at={d.common.at} />
        </>
      ),
    ],
    ...(d.knownAt === null
      ? []
      : ([[t('knownAt'), <Moment key="at" at={d.knownAt} />]] satisfies [string, React.ReactNode][])),
    ...d.newest.map(({ what, known, now }): [string, React.ReactNode] => [
      t(`kind.${what}`),
      `${t('known')}: #${known} · ${t('now')}: #${now}`,
    ]),
  ]
  return (
    <dl className="card mb-6 grid gap-x-8 gap-y-3 px-5 py-4 sm:grid-cols-2">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt className="text-[13px] text-soft">{name}</dt>
          <dd className="wrap-anywhere">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

async function Environments({ difference }: { difference: Difference }) {
  const t = await getTranslations('restored')
  if (difference.environments.length === 0) return <p className="text-soft">{t('same')}</p>
  const side = (is: Difference['environments'][number]['now']) =>
    is === null
      ? t('gone')
      : [
          is.tag ?? t('nothing'),
          ...(is.promotion === null ? [] : [t('promotion', { id: is.promotion })]),
          t('policy', { version: is.policyVersion }),
        ].join(' · ')
  return (
    <>
      <ul className="card divide-y divide-line">
        {difference.environments.map((e) => (
          <li key={`${e.project} ${e.name}`} className="px-5 py-3">
            <p className="font-medium wrap-anywhere">
              {e.project} {e.name}
            </p>
            <p className="wrap-anywhere text-[13px]">
              <span className="text-soft">{t('known')}:</span> {side(e.known)}
            </p>
            <p className="wrap-anywhere text-[13px]">
              <span className="text-soft">{t('now')}:</span> {side(e.now)}
            </p>
          </li>
        ))}
      </ul>
      {difference.more > 0 && <p className="mt-2 text-soft">{t('more', { count: difference.more })}</p>}
    </>
  )
}
