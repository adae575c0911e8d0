// GitLab's own pages of environments and deployments. https://docs.gitlab.com/api/deployments/

import { Deployments, Environments } from '@gitbeaker/rest'
import { z } from 'zod'
import type { Forge } from './forge'
import { GitlabFault } from './gitlab-requester'
import { type Asking, DEVELOPER, Id, orNull, read, tell, unless } from './gitlab-verb'

type Told = Parameters<Forge['tellDeployment']>[1]

const Environment = z.object({ id: Id, name: z.string(), external_url: z.string().nullish() })
const Deployment = z.object({
  id: Id,
  sha: z.string(),
  status: z.string(),
  // A job of GitLab CI made it: such a deployment is not ours to change.
  deployable: z.unknown().optional(),
})

/**
 * Before the first deployment, which would make it without tier and address. One that is there keeps its tier, which people
 * may have set, and gets the address where that has changed.
 */
async function ensureEnvironment(environments: Environments, projectId: number, { environment, tier, url }: Told) {
  const address = url === '' ? {} : { externalUrl: url }
  const made = await unless([400], environments.create(projectId, environment, { tier, ...address }))
  if (!(made instanceof GitlabFault) || url === '') return
  const found = await environments.all(projectId, { name: environment, perPage: 20, maxPages: 1 })
  const there = read(z.array(Environment), found, 'the environments').find(({ name }) => name === environment)
  // An address that GitLab does not take is no reason to tell nothing: the deployment itself makes the environment.
  if (there === undefined || there.external_url === url) return
  await unless([400], environments.edit(projectId, there.id, { externalUrl: url }))
}

const ENDED = ['success', 'failed', 'canceled', 'skipped']

/** The newest of the environment, where it is this very one: told before, by a call whose answer never came. */
async function toldBefore(deployments: Deployments, projectId: number, told: Told): Promise<number | null> {
  const query = { environment: told.environment, orderBy: 'id' as const, sort: 'desc' as const }
  const found = await deployments.all(projectId, { ...query, perPage: 1, page: 1 })
  const [newest] = read(z.array(Deployment), found, 'the deployments')
  if (newest === undefined || newest.sha !== told.commit || newest.deployable) return null
  // One that has ended is another deployment of the same commit, unless it ended as we are about to say.
  return ENDED.includes(newest.status) && newest.status !== told.state ? null : newest.id
}

async function create(deployments: Deployments, projectId: number, told: Told): Promise<number> {
  const ref = told.ref.replace(/^refs\/(heads|tags)\//, '')
  const isTag = told.ref.startsWith('refs/tags/')
  const made = await deployments.create(projectId, told.environment, told.commit, ref, isTag, { status: told.state })
  return read(z.object({ id: Id }), made, 'the deployment').id
}

/** False: it is gone. GitLab refuses a status that it has already: then what is there decides. */
async function update(deployments: Deployments, projectId: number, id: number, told: Told): Promise<boolean> {
  const answer = await orNull(/\bdeployment\b/i, unless([400], deployments.edit(projectId, id, told.state)))
  if (!(answer instanceof GitlabFault)) return answer !== null
  const now = read(Deployment, await deployments.show(projectId, id), `the deployment ${id}`)
  if (now.status !== told.state) throw answer
  return true
}

export function deploymentVerbs({ options, secrets }: Asking): Pick<Forge, 'tellDeployment'> {
  const environments = new Environments(options)
  const deployments = new Deployments(options)
  const right = `${DEVELOPER} and, for a protected environment, the right to deploy to it`
  return {
    tellDeployment: (projectId, told) =>
      tell(right, secrets, async () => {
        const id = told.id === null ? await toldBefore(deployments, projectId, told) : Number(told.id)
        if (id !== null && (await update(deployments, projectId, id, told))) return { id: BigInt(id) }
        await ensureEnvironment(environments, projectId, told)
        return { id: BigInt(await create(deployments, projectId, told)) }
      }),
  }
}
