// What a person sees of the demo forge: plain pages, no script, and honest about what it is.
import { log, type Project, readRefs } from './repositories'
import type { CommitStatus } from './statuses'

export const escaped = (text: string) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)

export const frame = (
  title: string,
  body: string,
) => `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escaped(title)} · demo forge</title>
<style>:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}p.note{padding:.6rem .9rem;border:1px solid #8886;border-radius:.5rem}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #8884;vertical-align:top}code{font-size:.9em}.success,.opened,.mergeable{color:#1a7f4b}.failed,.conflict{color:#c0392b}.running,.pending,.merged{color:#1769aa}</style>
<p class="note"><strong>Demo forge</strong>: a stand-in for GitLab on real git repositories, for demo and tests.</p>${body}</html>`

export const projectsPage = (projects: readonly Project[]) =>
  frame(
    'Projects',
    `<h1>Projects</h1><ul>${projects.map((p) => `<li><a href="/${escaped(p.path)}">${escaped(p.path)}</a></li>`).join('')}</ul>`,
  )

export type StatusesOf = (sha: string) => readonly CommitStatus[]

export async function projectPage(project: Project, url: string, statuses: StatusesOf): Promise<string> {
  const branches = [...(await readRefs(project.dir))].filter(([ref]) => ref.startsWith('refs/heads/'))
  const rows = await Promise.all(
    branches.map(async ([ref, id]) => {
      const [commit] = await log(project.dir, id, 1)
      return `<tr><td>${escaped(ref.slice(11))}</td><td><a href="/${escaped(project.path)}/-/commit/${id}"><code>${id.slice(0, 8)}</code></a></td><td>${escaped(commit?.title ?? '')}</td><td>${statuses(id).map(statusWords).join('<br>')}</td></tr>`
    }),
  )
  return frame(
    project.path,
    `<h1>${escaped(project.path)}</h1><p><code>git clone ${escaped(url)}/${escaped(project.path)}.git</code></p><p><a href="/${escaped(project.path)}/-/merge_requests">Merge requests</a> · <a href="/${escaped(project.path)}/-/environments">Environments</a></p><table><tr><th>branch<th>commit<th>title<th>statuses</tr>${rows.join('')}</table>`,
  )
}

export async function commitPage(project: Project, sha: string, statuses: StatusesOf): Promise<string> {
  const [commit] = await log(project.dir, sha, 1)
  const words = `<h1>${escaped(commit?.title ?? sha)}</h1><p><code>${escaped(sha)}</code> by ${escaped(commit?.authorName ?? '')}</p><pre>${escaped(commit?.message ?? '')}</pre>`
  return frame(
    commit?.title ?? sha,
    `${words}<h2>Statuses</h2><p>${statuses(sha).map(statusWords).join('<br>') || 'none'}</p>`,
  )
}

export const statusWords = (s: CommitStatus) => {
  const link =
    s.targetUrl !== null && /^https?:/.test(s.targetUrl)
      ? `<a href="${escaped(s.targetUrl)}">${escaped(s.name)}</a>`
      : escaped(s.name)
  return `<span class="${s.status}">${s.status}</span> ${link} ${escaped(s.description ?? '')}`
}
