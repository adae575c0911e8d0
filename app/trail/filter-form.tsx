import { Filter } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'next-intl'
import { button } from '../_ui/button'
import { Choice } from '../_ui/choice'
import { environmentName } from '../_ui/names'
import type { TrailChoices } from './filters'
import type { TrailFilter } from './find'

interface Option {
  value: string
  text: string
}
/** What the address asks for is offered, also where it is not among the first of its kind. */
const withChosen = (options: readonly Option[], chosen: string | undefined): readonly Option[] =>
  chosen === undefined || options.some((option) => option.value === chosen)
    ? options
    : [{ value: chosen, text: chosen }, ...options]

/** A plain form: it works before the page is alive, and the address says what is shown. */
export function Filters(props: { offered: TrailChoices; chosen: TrailFilter; filtered: boolean }) {
  const { offered, chosen, filtered } = props
  const t = useTranslations()
  const choices = [
    {
      name: 'person',
      any: t('trail.anyPerson'),
      value: chosen.person,
      options: offered.people.map((p) => ({ value: p.actor, text: p.name ? `${p.name} (${p.actor})` : p.actor })),
    },
    {
      name: 'project',
      any: t('trail.anyProject'),
      value: chosen.project?.toString(),
      options: offered.projects.map((p) => ({ value: String(p.id), text: p.path })),
    },
    {
      name: 'environment',
      any: t('trail.anyEnvironment'),
      value: chosen.environment,
      options: offered.environments.map((name) => ({ value: name, text: environmentName(t, name) })),
    },
    {
      name: 'release',
      any: t('trail.anyRelease'),
      value: chosen.release?.toString(),
      options: offered.releases.map((r) => ({ value: String(r.id), text: `${r.service} ${r.tag}` })),
    },
    {
      name: 'kind',
      any: t('trail.anyKind'),
      value: chosen.kind,
      options: offered.kinds.map((kind) => ({ value: kind, text: kind })),
    },
  ] as const
  return (
    <form
      method="get"
      action="/trail"
      aria-label={t('trail.filters')}
      className="mb-4 grid grid-cols-2 gap-2 sm:flex sm:flex-wrap"
    >
      {choices.map(({ name, any, value, options }) => (
        <Choice
          key={name}
          name={name}
          label={t(`trail.${name}`)}
          any={any}
          value={value}
          options={withChosen(options, value)}
        />
      ))}
      <div className="col-span-2 flex min-w-0 items-center gap-2 text-[13px] text-soft">
        <Day name="from" label={t('trail.from')} short={t('trail.fromShort')} value={chosen.from} />
        <Day name="to" label={t('trail.to')} short={t('trail.toShort')} value={chosen.to} />
      </div>
      <div className="flex gap-2">
        <button type="submit" className={button({ className: 'flex-1' })}>
          <Filter aria-hidden="true" className="size-4 text-soft" />
          {t('word.apply')}
        </button>
        {filtered && (
          <Link href="/trail" className={button({ kind: 'quiet' })}>
            {t('word.clear')}
          </Link>
        )}
      </div>
    </form>
  )
}

/** A day of UTC, as times of the trail are. */
function Day(props: { name: string; label: string; short: string; value: string | undefined }) {
  return (
    <>
      <span aria-hidden="true">{props.short}</span>
      <input
        key={props.value}
        type="date"
        name={props.name}
        aria-label={props.label}
        defaultValue={props.value}
        className="field min-w-0 sm:w-38"
      />
    </>
  )
}
