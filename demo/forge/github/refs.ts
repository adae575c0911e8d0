// Branches, tags, and the objects and refs below them.
import { execFile } from 'node:child_process'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isBranchName } from '../branch-names'
import { changeRefs } from '../changes'
import { HEADS } from '../happening'
import { isProtected } from '../protections'
import { GIT_ENV, git, log, type Project, readRefs, resolve } from '../repositories'
import { type Asker, inRepository, invalid, no, page, param, READ, textAsked, WRITE } from './asked'
import { apiUrl } from './shapes'
import type { Github } from './state'

export function refRoutes(app: FastifyInstance, { world }: Github) {
  const at = '/repos/:owner/:repo'
  app.get(
    `${at}/branches`,
    inRepository(world, READ, async ({ project }, request, reply) => {
      const heads = [...(await readRefs(project.dir))].filter(([ref]) => ref.startsWith(HEADS))
      return page(request, reply, heads).map(([ref, sha]) => branchShape(project, ref.slice(HEADS.length), sha))
    }),
  )
  app.get(
    `${at}/branches/*`,
    inRepository(world, READ, async ({ project }, request, reply) => {
      const name = param(request, '*')
      const sha = (await readRefs(project.dir)).get(HEADS + name)
      const [commit] = sha === undefined ? [] : await log(project.dir, sha, 1)
      if (sha === undefined || commit === undefined) return no(reply, 404, 'Branch not found')
      const shape = branchShape(project, name, sha)
      return { ...shape, commit: { ...shape.commit, commit: { message: commit.message.trim() }, parents: [] } }
    }),
  )
  app.get(
    `${at}/git/ref/*`,
    inRepository(world, READ, async ({ project }, request, reply) => {
      const ref = `refs/${param(request, '*')}`
      const refs = await readRefs(project.dir)
      if (refs.size === 0) return no(reply, 409, 'Git Repository is empty.')
      const sha = refs.get(ref)
      return sha === undefined ? no(reply, 404, 'Not Found') : refShape(apiUrl(world, project), project, ref, sha)
    }),
  )
  app.post(
    `${at}/git/refs`,
    inRepository(world, WRITE, (asker, request, reply) => makeRef(world, asker, request, reply)),
  )
  app.get(
    `${at}/git/tags/:sha`,
    inRepository(world, READ, async ({ project }, request, reply) => {
      const tag = await tagObject(project, param(request, 'sha'))
      return tag ?? no(reply, 404, 'Not Found')
    }),
  )
  app.post(
    `${at}/git/tags`,
    inRepository(world, WRITE, (asker, request, reply) => makeTag(asker, request, reply)),
  )
}

const branchShape = (project: Project, name: string, sha: string) => ({
  name,
  commit: { sha, url: '' },
  protected: isProtected(project, name),
})

const typeOf = async (dir: string, sha: string) => (await git(dir, ['cat-file', '-t', sha])).trim()

const refShape = async (url: string, project: Project, ref: string, sha: string) => ({
  ref,
  url: `${url}/git/${ref}`,
  object: { sha, type: await typeOf(project.dir, sha), url: '' },
})

const isHash = (text: string) => /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(text)

async function tagObject({ dir }: Project, sha: string) {
  const isTag = isHash(sha) && (await typeOf(dir, sha).catch(() => '')) === 'tag' // no such object: no tag
  if (!isTag) return null
  const [head = '', ...message] = (await git(dir, ['cat-file', 'tag', sha])).split('\n\n')
  const field = (name: string) => new RegExp(`^${name} (.+)$`, 'm').exec(head)?.[1] ?? ''
  const object = { sha: field('object'), type: field('type'), url: '' }
  return { sha, tag: field('tag'), message: message.join('\n\n').trim(), object, url: '' }
}

/** The object alone; a ref makes it a tag. */
async function makeTag({ project, user }: Asker, request: FastifyRequest, reply: FastifyReply) {
  const [tag = '', message, object = ''] = ['tag', 'message', 'object'].map((name) => textAsked(request, name))
  if (message === undefined) return invalid(reply, [{ resource: 'Tag', field: 'message', code: 'missing_field' }])
  if (!isBranchName(tag) || (await resolve(project.dir, object)) !== object)
    return invalid(reply, [{ resource: 'Tag', code: 'custom', message: 'Could not verify object' }])
  const tagger = `${user.name} <${user.username}@example.com> ${Math.floor(Date.now() / 1000)} +0000`
  const text = `object ${object}\ntype commit\ntag ${tag}\ntagger ${tagger}\n\n${message.trim()}\n`
  return reply.code(201).send(await tagObject(project, await layDown(project.dir, text)))
}

/** Lays a tag object down, whose form git checks; its hash. */
const layDown = (dir: string, text: string): Promise<string> =>
  new Promise((done, fail) => {
    const child = execFile('git', ['mktag'], { cwd: dir, env: GIT_ENV, timeout: 10_000 }, (error, out) =>
      error === null ? done(out.trim()) : fail(error),
    )
    child.stdin?.end(text)
  })

async function makeRef(world: Github['world'], asker: Asker, request: FastifyRequest, reply: FastifyReply) {
  const { project } = asker
  const [ref = '', sha = ''] = ['ref', 'sha'].map((name) => textAsked(request, name))
  const name = /^refs\/(?:heads|tags)\/(.+)$/.exec(ref)?.[1]
  if (name === undefined || !isBranchName(name)) return invalid(reply, [], 'Reference name is not valid')
  if ((await resolve(project.dir, sha)) === null || !isHash(sha)) return invalid(reply, [], 'Object does not exist')
  const isMade = await changeRefs(world, asker, async () => {
    if ((await readRefs(project.dir)).has(ref)) return false
    await git(project.dir, ['update-ref', '--', ref, sha, '0'.repeat(sha.length)])
    return true
  })
  if (!isMade) return invalid(reply, [], 'Reference already exists')
  return reply.code(201).send(await refShape(apiUrl(world, project), project, ref, sha))
}
