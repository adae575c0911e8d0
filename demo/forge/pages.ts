// Which page a path names, and the pages of merge requests and environments.
import { deploymentsOf, environmentsOf } from './deployments'
import type { MergeRequest } from './merge-request'
import { gitlabStatus } from './merge-request-shape'
import { mergeRequestOf, mergeRequestsOf } from './merge-requests'
import { mergeabilityOf } from './merging'
import { commitPage, escaped, frame, projectPage, type StatusesOf, statusWords } from './page'
import { findProject } from './projects'
import { type Project, resolve } from './repositories'
import type { World } from './world'

/** No list on a page is longer; the API pages the rest. */
const MOST = 100

/** @param path decoded, without its first slash; null: there is no such page */
export async function pageOf(world: World, path: string): Promise<string | null> {
  const [projectPath = '', rest] = path.split('/-/')
  const project = world.projects.find((p) => p.path === projectPath)
  if (project === undefined) return null
  const rows = world.statuses.get(project.id) ?? []
  const statuses: StatusesOf = (sha) => rows.filter((row) => row.sha === sha && !row.retried)
  if (rest === undefined) return projectPage(project, world.url, statuses)
  const [kind, name] = [rest.split('/')[0], rest.split('/').slice(1).join('/')]
  if (kind === 'commit') {
    const sha = await resolve(project.dir, name)
    return sha === null ? null : commitPage(project, sha, statuses)
  }
  if (kind === 'environments' && name === '') return environmentsPage(world, project)
  if (kind === 'merge_requests' && name === '') return mergeRequestsPage(world, project)
  const mr = kind === 'merge_requests' ? mergeRequestOf(world, project, Number(name)) : null
  return mr === null ? null : mergeRequestPage(world, project, mr, statuses)
}

const nameOf = (world: World, id: number | null) => escaped((id === null ? null : world.people.byId(id)?.name) ?? '')

const commitLink = (project: Project, sha: string) =>
  `<a href="/${escaped(project.path)}/-/commit/${sha}"><code>${sha.slice(0, 8)}</code></a>`

function mergeRequestsPage(world: World, project: Project): string {
  const rows = mergeRequestsOf(world, project)
    .slice(-MOST)
    .reverse()
    .map(
      (mr) =>
        `<tr><td><a href="/${escaped(project.path)}/-/merge_requests/${mr.iid}">!${mr.iid}</a></td><td>${escaped(mr.title)}</td><td>${escaped(mr.source)} → ${escaped(mr.target)}</td><td class="${mr.status}">${mr.status}</td></tr>`,
    )
  return frame(
    `Merge requests of ${project.path}`,
    `<h1>Merge requests of ${escaped(project.path)}</h1><table><tr><th>number<th>title<th>branches<th>state</tr>${rows.join('')}</table>`,
  )
}

async function mergeRequestPage(world: World, project: Project, mr: MergeRequest, statuses: StatusesOf) {
  const status = gitlabStatus(await mergeabilityOf(world, mr))
  const source = findProject(world, mr.sourceProjectId)
  const from = source === project ? mr.source : `${source.path}:${mr.source}`
  const facts = [
    ['state', `<span class="${mr.status}">${mr.status}</span>${mr.draft ? ', draft' : ''}`],
    ['merge status', `<span class="${status}">${status}</span>`],
    ['branches', `${escaped(from)} → ${escaped(mr.target)}`],
    ['head', commitLink(project, mr.head)],
    ['author', nameOf(world, mr.authorId)],
    ['approved by', mr.approvals.map(({ userId }) => nameOf(world, userId)).join(', ') || 'nobody'],
    ...(mr.landed === null ? [] : [['merged', `${commitLink(project, mr.landed)} by ${nameOf(world, mr.mergedById)}`]]),
    ['statuses', statuses(mr.head).map(statusWords).join('<br>') || 'none'],
  ]
  const notes = mr.notes
    .slice(-MOST)
    .map(({ authorId, body }) => `<h3>${nameOf(world, authorId)}</h3><pre>${escaped(body)}</pre>`)
  return frame(
    `!${mr.iid} ${mr.title}`,
    `<h1>!${mr.iid} ${escaped(mr.title)}</h1><table>${facts.map(([name, value]) => `<tr><th>${name}</th><td>${value}</td></tr>`).join('')}</table><pre>${escaped(mr.description)}</pre><h2>Notes</h2>${notes.join('') || '<p>none</p>'}`,
  )
}

function environmentsPage(world: World, project: Project): string {
  const deployments = deploymentsOf(world, project)
  const parts = environmentsOf(world, project).map((environment) => {
    const rows = deployments
      .filter(({ environmentId }) => environmentId === environment.id)
      .slice(-MOST)
      .reverse()
      .map(
        (d) =>
          `<tr><td>#${d.iid}</td><td class="${d.status}">${d.status}</td><td>${commitLink(project, d.sha)}</td><td>${escaped(d.ref)}</td><td>${nameOf(world, d.userId)}</td><td>${escaped(d.createdAt)}</td></tr>`,
      )
    const link = environment.externalUrl ?? ''
    const address = /^https?:/.test(link) ? ` <a href="${escaped(link)}">${escaped(link)}</a>` : ''
    return `<h2>${escaped(environment.name)}</h2><p>${environment.status}, ${environment.tier}${address}</p><table><tr><th>number<th>status<th>commit<th>ref<th>by<th>at</tr>${rows.join('')}</table>`
  })
  return frame(
    `Environments of ${project.path}`,
    `<h1>Environments of ${escaped(project.path)}</h1>${parts.join('') || '<p>none</p>'}`,
  )
}
