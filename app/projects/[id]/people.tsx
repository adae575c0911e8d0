import { getTranslations } from 'next-intl/server'
import { listMemberships } from '../../_server/memberships'
import { may, type Viewer } from '../../_server/permit'
import { theRecord } from '../../_server/record'
import { Section } from '../../_ui/page'
import { Grant, Memberships } from '../../accounts/memberships'
import { accountsToGrant } from '../../accounts/read'
import type { ProjectDetail } from '../shapes'

/** Who has which role in this project alone; REST pages the whole list. */
const SHOWN = 100

/** Who has a role here, and for administrators the way to grant one. */
export async function People({ project, viewer }: { project: ProjectDetail; viewer: Viewer }) {
  const t = await getTranslations('people.membership')
  const mayChange = may(viewer, 'accounts.change')
  const [memberships, accounts] = await Promise.all([
    listMemberships(theRecord(), { projectId: project.id }, { limit: SHOWN }),
    mayChange ? accountsToGrant(theRecord()) : [],
  ])
  const back = `/projects/${project.id}` as const
  return (
    <Section title={t('people')} aside={<span className="hidden text-xs text-faint sm:inline">{t('peopleHelp')}</span>}>
      <Memberships items={memberships.items} of="project" back={back} mayChange={mayChange} />
      {mayChange && (
        <Grant
          fixed={{ project: project.id }}
          choices={accounts}
          environments={project.places.filter((place) => !place.removed).map((place) => place.name)}
          back={back}
        />
      )}
    </Section>
  )
}
