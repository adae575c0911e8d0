import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { askedOf, inProject, missing, no, wrong } from './asker'
import { pageEither } from './paging'
import { REPORTER } from './people'
import { git, gitBytes, log, type Project, resolve } from './repositories'
import type { World } from './world'

export function fileRoutes(app: FastifyInstance, world: World) {
  app.get(
    '/projects/:id/repository/tree',
    inProject(world, REPORTER, async ({ project }, request, reply) => {
      const asked = askedOf(request)
      const commit = await resolve(project.dir, asked.ref || project.defaultBranch)
      const entries =
        commit === null ? null : await treeOf(project, commit, asked.path ?? '', asked.recursive === 'true')
      if (entries === null) return no(reply, 404, '404 Tree Not Found')
      return pageEither(request, reply, entries, (entry) => entry.path)
    }),
  )
  app.get(
    '/projects/:id/repository/files/:file',
    inProject(world, REPORTER, async ({ project }, request, reply) => {
      const asked = askedOf(request)
      const absent = missing(asked, 'ref')
      if (absent !== null) return wrong(reply, absent)
      const file = await fileOf(project, (request.params as { file: string }).file, asked.ref ?? '')
      if ('problem' in file) return refuse(reply, file)
      const { content, ...facts } = file
      tell(reply, facts)
      return { ...facts, content: content.toString('base64') }
    }),
  )
  app.get(
    '/projects/:id/repository/files/:file/raw',
    inProject(world, REPORTER, async ({ project }, request, reply) => {
      const { file: path } = request.params as { file: string }
      const file = await fileOf(project, path, askedOf(request).ref || 'HEAD')
      if ('problem' in file) return refuse(reply, file)
      const { content, ...facts } = file
      tell(reply, facts)
      return reply.type('text/plain').send(content)
    }),
  )
}

interface Entry {
  id: string
  name: string
  type: string
  path: string
  mode: string
}

/** A folder's entries, folders first as on GitLab; null where it is no folder of that commit. */
async function treeOf(project: Project, commit: string, folder: string, recursive: boolean): Promise<Entry[] | null> {
  const path = folder.replace(/^\/+|\/+$/g, '')
  const deep = recursive ? ['-r', '-t'] : []
  const out = await git(project.dir, ['ls-tree', '-z', ...deep, '--', `${commit}:${path}`]).catch(() => null) // no folder there
  if (out === null) return null
  const entries = out
    .split('\0')
    .filter(Boolean)
    .map((line) => {
      const [mode = '', type = '', id = ''] = line.slice(0, line.indexOf('\t')).split(' ')
      const inside = line.slice(line.indexOf('\t') + 1)
      return { id, name: basename(inside), type, path: path === '' ? inside : `${path}/${inside}`, mode }
    })
  const [folders, files] = [entries.filter((e) => e.type === 'tree'), entries.filter((e) => e.type !== 'tree')]
  return [...folders, ...files]
}

type Refusal = { status: number; problem: string }

/** A file of a commit with GitLab's facts of it, or why there is none. */
async function fileOf(project: Project, path: string, ref: string) {
  const refused = (status: number, problem: string): Refusal => ({ status, problem })
  const commit = await resolve(project.dir, ref)
  if (commit === null) return refused(404, '404 Commit Not Found')
  const line = await git(project.dir, [
    '--literal-pathspecs',
    'ls-tree',
    '-z',
    '--full-tree',
    commit,
    '--',
    path,
  ]).catch(
    () => '', // a path that git does not take
  )
  const [mode, type, blob = ''] = line.slice(0, line.indexOf('\t')).split(' ')
  if (type !== 'blob' || line.slice(line.indexOf('\t') + 1) !== `${path}\0`) return refused(404, '404 File Not Found')
  const content = await gitBytes(project.dir, ['cat-file', 'blob', blob]).catch(() => null) // over the bound of git's output
  if (content === null) return refused(413, '413 Request Entity Too Large')
  const [last] = await log(project.dir, commit, 1, [], path)
  return {
    file_name: basename(path),
    file_path: path,
    size: content.length,
    encoding: 'base64',
    content_sha256: createHash('sha256').update(content).digest('hex'),
    ref,
    blob_id: blob,
    commit_id: commit,
    last_commit_id: last?.id ?? commit,
    execute_filemode: mode === '100755',
    content,
  }
}

const refuse = (reply: FastifyReply, { status, problem }: Refusal) => no(reply, status, problem)

/** The same facts as headers: `X-Gitlab-Blob-Id` and so on. */
function tell(reply: FastifyReply, facts: Record<string, string | number | boolean>) {
  for (const [name, value] of Object.entries(facts))
    reply.header(`x-gitlab-${name.replaceAll('_', '-')}`, encodeURI(String(value)))
}
