// GitHub over REST, by Octokit: github.com, and GitHub Enterprise below <url>/api/v3. Needs a token (fine-grained, or classic
// with the scope repo) of a user with role Admin in the repository, for the webhook.

import type { Octokit } from '@octokit/rest'
import { z } from 'zod'
import { Fault } from '../fault'
import { cloneUrlOf, forgeUrlOf } from './asking'
import type { ForgeFactory, ForgeProject } from './forge'
import { type Place, Repository, read, tell } from './github-answers'
import { ensureHook, hookState } from './github-hooks'
import { approve, merge } from './github-merging'
import { mergeRequest, openMergeRequest, openMergeRequests } from './github-pulls'
import { setStatus, tellDeployment, writeNote } from './github-reports'
import { GithubFault, githubClient } from './github-requester'
import { branches, createTag, head, tag } from './github-tags'

const DEADLINE_MS = 10_000

const User = z.object({ id: z.number().int(), login: z.string() })

/** The address of the API, by that of the pages. */
function apiOf(forgeUrl: string): string {
  const { protocol, hostname } = new URL(forgeUrl)
  if (hostname === 'github.com' || hostname === 'www.github.com') return 'https://api.github.com'
  if (hostname.endsWith('.ghe.com')) return `${protocol}//api.${hostname}`
  return `${forgeUrl}/api/v3`
}

/** Owner and name. What is no path of a repository cannot be one's, and is not asked for. */
function partsOf(path: string): { owner: string; repo: string } {
  const [, owner = '', repo = ''] = /^([\w.-]+)\/([\w.-]+)$/.exec(path) ?? []
  if (/^\.{0,2}$/.test(owner) || /^\.{0,2}$/.test(repo)) {
    throw new Fault('forge.missing', `there is no repository ${JSON.stringify(path)}: a path is owner/name`)
  }
  return { owner, repo }
}

const find = async (octokit: Octokit, path: string): Promise<Repository> =>
  read(Repository, await octokit.rest.repos.get(partsOf(path)), `the repository ${JSON.stringify(path)}`)

/**
 * The repository of a project: calls go by owner and name, and a project is its number. One that was renamed is found by
 * where GitHub's redirect leads; another one that took over its name is not mistaken for it.
 */
async function locate(octokit: Octokit, path: string, projectId: number): Promise<Omit<Place, 'deadlineMs'>> {
  const byNumber = async () =>
    read(Repository, await octokit.request('GET /repositories/{id}', { id: projectId }), `the repository ${projectId}`)
  const found = await find(octokit, path).catch((error: unknown) => {
    if (error instanceof GithubFault && error.status === 301) return byNumber()
    throw error
  })
  if (found.id !== projectId) {
    const because = `${path} is the repository ${found.id} of GitHub, not ${projectId}: was it moved, and another made in its place? Connect the project again`
    throw new Fault('forge.missing', because)
  }
  return { octokit, at: partsOf(found.full_name), repository: found }
}

function roleOf({ permissions }: Repository): ForgeProject['role'] {
  if (!permissions) return null
  // Webhooks and protections are an admin's alone: GitHub's own role "maintain" is no more than a developer here.
  if (permissions.admin) return 'maintainer'
  return permissions.maintain || permissions.push ? 'developer' : 'less'
}

const shapeOf = (forgeUrl: string, found: Repository): ForgeProject => ({
  id: found.id,
  path: found.full_name,
  name: found.name,
  webUrl: found.html_url,
  cloneUrl: cloneUrlOf(forgeUrl, found.clone_url, found.full_name),
  defaultBranch: found.default_branch ?? null,
  role: roleOf(found),
})

/** What each kind of verb needs, in the words of GitHub's page of tokens. */
const RIGHT = {
  see: 'read access to this repository (Metadata and Contents: read)',
  hook: 'Webhooks: read and write, of a user with role Admin in this repository',
  status: 'Commit statuses: read and write, and write access to this repository',
  push: 'Contents: read and write, and write access to this repository',
  pull: 'Pull requests: read and write',
  merge: 'Contents and Pull requests: read and write, and the right to push to the target branch',
  deploy: 'Deployments: read and write',
}

export const github: ForgeFactory = ({ url, token, path, deadlineMs = DEADLINE_MS }) => {
  const forgeUrl = forgeUrlOf(url)
  const octokit = githubClient(apiOf(forgeUrl), token, deadlineMs)
  let located: { projectId: number; place: Promise<Place> } | null = null

  /** Asked once per driver: drivers are made for a piece of work. A failure is not kept. */
  const place = (projectId: number): Promise<Place> => {
    if (located?.projectId === projectId) return located.place
    const found = locate(octokit, path, projectId).then((there) => ({ ...there, deadlineMs }))
    located = { projectId, place: found }
    found.catch(() => {
      located = null // the caller hears of it; the next one asks again
    })
    return found
  }
  const within = <T>(right: string, projectId: number, verb: (place: Place) => Promise<T>, more: string[] = []) =>
    tell(right, [token, ...more], async () => verb(await place(projectId)))

  return {
    whoAmI: () =>
      tell('a user: the token of an app is none', [token], async () => {
        const { id, login } = read(User, await octokit.rest.users.getAuthenticated(), 'GET /user')
        return { id, username: login }
      }),
    project: (asked) => tell(RIGHT.see, [token], async () => shapeOf(forgeUrl, await find(octokit, asked))),

    head: (id, branch) => within(RIGHT.see, id, (at) => head(at, branch)),
    branches: (id) => within(RIGHT.see, id, branches),
    tag: (id, name) => within(RIGHT.see, id, (at) => tag(at, name)),
    createTag: (id, wanted) => within(RIGHT.push, id, (at) => createTag(at, wanted)),

    ensureHook: (id, hookUrl, { token: secret }) =>
      within(RIGHT.hook, id, (at) => ensureHook(at, hookUrl, secret), [secret]),
    hookState: (id, hookId) => within(RIGHT.hook, id, (at) => hookState(at, hookId)),

    mergeRequest: (id, iid) => within(RIGHT.pull, id, (at) => mergeRequest(at, iid)),
    openMergeRequests: (id) => within(RIGHT.pull, id, openMergeRequests),
    openMergeRequest: (id, wanted) => within(RIGHT.pull, id, (at) => openMergeRequest(at, wanted)),
    approve: (id, iid, seen) => within(RIGHT.pull, id, (at) => approve(at, iid, seen)),
    merge: (id, iid, seen, message) => within(RIGHT.merge, id, (at) => merge(at, iid, seen, message)),

    setStatus: (id, status) => within(RIGHT.status, id, (at) => setStatus(at, status)),
    writeNote: (id, iid, note) => within(RIGHT.pull, id, (at) => writeNote(at, iid, note)),
    tellDeployment: (id, told) => within(RIGHT.deploy, id, (at) => tellDeployment(at, told)),

    headRef: (iid) => `refs/pull/${iid}/head`,
    gitCredentials: () => ({ username: 'x-access-token', password: token }),
  }
}
