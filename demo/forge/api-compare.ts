import type { FastifyInstance, FastifyRequest } from 'fastify'
import { commitShape } from './api-commits'
import { askedOf, inProject, missing, no, wrong } from './asker'
import { mergeBase } from './merges'
import { REPORTER } from './people'
import { git, log, type Project, resolve } from './repositories'
import type { World } from './world'

/** GitLab compares no more at once. */
const MOST_COMMITS = 500
const MOST_DIFFS = 300

export function compareRoutes(app: FastifyInstance, world: World) {
  app.get(
    '/projects/:id/repository/compare',
    inProject(world, REPORTER, async ({ project }, request, reply) => {
      const asked = askedOf(request)
      const absent = missing(asked, 'from', 'to')
      if (absent !== null) return wrong(reply, absent)
      const [from, to] = [await resolve(project.dir, asked.from ?? ''), await resolve(project.dir, asked.to ?? '')]
      if (from === null || to === null) return no(reply, 404, '404 Ref Not Found')
      return comparison(world, project, from, to, asked.straight === 'true')
    }),
  )
  app.get(
    '/projects/:id/repository/merge_base',
    inProject(world, REPORTER, async ({ project }, request, reply) => {
      const refs = refsOf(request)
      if (refs.length < 2) return no(reply, 400, '400 Bad request - Provide at least 2 refs')
      const commits = await Promise.all(refs.map((ref) => resolve(project.dir, ref)))
      const unknown = refs.filter((_ref, n) => commits[n] === null)
      if (unknown.length > 0) return no(reply, 400, `400 Bad request - Could not find ref: ${unknown.join(', ')}`)
      const [first = '', ...others] = commits.filter((commit) => commit !== null)
      let base: string | null = first
      for (const other of others) base = base === null ? null : await mergeBase(project.dir, base, other)
      const [commit] = base === null ? [] : await log(project.dir, base, 1)
      return commit === undefined ? no(reply, 404, '404 Merge Base Not Found') : commitShape(world, project, commit)
    }),
  )
}

/** `refs[]=a&refs[]=b` */
function refsOf(request: FastifyRequest): string[] {
  const query = request.query as Record<string, string | string[] | undefined>
  return [query['refs[]'] ?? query.refs ?? []].flat()
}

/** What `to` has that `from` has not: since the two parted, or between the two as they are where that is asked for. */
async function comparison(world: World, project: Project, from: string, to: string, straight: boolean) {
  const { dir } = project
  const commits = await log(dir, [to, `^${from}`], MOST_COMMITS, ['--reverse'])
  const newest = commits.at(-1)
  const base = straight ? from : await mergeBase(dir, from, to)
  return {
    commit: newest === undefined ? null : commitShape(world, project, newest),
    commits: commits.map((c) => commitShape(world, project, c)),
    diffs: base === null ? [] : await diffsOf(dir, base, to),
    compare_timeout: false,
    compare_same_ref: from === to,
    web_url: `${world.url}/${project.path}/-/compare/${from}...${to}`,
  }
}

async function diffsOf(dir: string, from: string, to: string) {
  const out = await git(dir, ['diff-tree', '-r', '-z', '--no-renames', '--raw', '--abbrev=40', from, to])
  const words = out.split('\0')
  const diffs = []
  for (let n = 0; n + 1 < words.length && diffs.length < MOST_DIFFS; n += 2) {
    const [before = '', after = '', , , kind] = (words[n] ?? '').slice(1).split(' ')
    const path = words[n + 1] ?? ''
    diffs.push({
      diff: await diffOf(dir, from, to, path),
      new_path: path,
      old_path: path,
      a_mode: before,
      b_mode: after,
      new_file: kind === 'A',
      renamed_file: false,
      deleted_file: kind === 'D',
      generated_file: false,
    })
  }
  return diffs
}

/** The hunks alone, as GitLab gives them. */
async function diffOf(dir: string, from: string, to: string, path: string): Promise<string> {
  const out = await git(dir, ['--literal-pathspecs', 'diff', '--no-color', '--no-renames', from, to, '--', path])
  const at = out.indexOf('\n@@')
  return at < 0 ? '' : out.slice(at + 1)
}
