import type { FastifyInstance, FastifyRequest } from 'fastify'
import { commitShape } from './api-commits'
import { askedOf, inProject, missing, no, wrong } from './asker'
import { pageEither } from './paging'
import { DEVELOPER, REPORTER } from './people'
import { log, type Project } from './repositories'
import { createTag, removeTag, type Tag, tagNamed, tagsOf } from './tags'
import type { World } from './world'

const nameOf = (request: FastifyRequest) => (request.params as { tag: string }).tag

export function tagRoutes(app: FastifyInstance, world: World) {
  app.get(
    '/projects/:id/repository/tags',
    inProject(world, REPORTER, async ({ project }, request, reply) => {
      const asked = askedOf(request)
      const found = sorted(await tagsOf(project), asked).filter(({ name }) => isFound(name, asked.search ?? ''))
      const paged = pageEither(request, reply, found, ({ name }) => name)
      return Promise.all(paged.map((tag) => tagShape(world, project, tag)))
    }),
  )
  app.get(
    '/projects/:id/repository/tags/:tag',
    inProject(world, REPORTER, async ({ project }, request, reply) => {
      const tag = await tagNamed(project, nameOf(request))
      return tag === null ? no(reply, 404, '404 Tag Not Found') : tagShape(world, project, tag)
    }),
  )
  app.post(
    '/projects/:id/repository/tags',
    inProject(world, DEVELOPER, async (asker, request, reply) => {
      const asked = askedOf(request)
      const absent = missing(asked, 'tag_name', 'ref')
      if (absent !== null) return wrong(reply, absent)
      const { tag_name: name = '', ref = '', message = '' } = asked
      const made = await createTag(world, asker, { name, ref, message })
      if ('refused' in made) return no(reply, 400, made.because)
      return reply.code(201).send(await tagShape(world, asker.project, made))
    }),
  )
  app.delete(
    '/projects/:id/repository/tags/:tag',
    inProject(world, DEVELOPER, async (asker, request, reply) => {
      const was = await removeTag(world, asker, nameOf(request))
      return was ? reply.code(204).send() : no(reply, 404, '404 Tag Not Found')
    }),
  )
}

/** `^v` begins with it, `0$` ends so, all else contains it. */
function isFound(name: string, search: string): boolean {
  if (search.startsWith('^')) return name.startsWith(search.slice(1))
  if (search.endsWith('$')) return name.endsWith(search.slice(0, -1))
  return name.includes(search)
}

const byVersion = new Intl.Collator('en', { numeric: true })

/** The newest first unless asked otherwise. */
function sorted(tags: readonly Tag[], { order_by: by = 'updated', sort = 'desc' }: Record<string, string>): Tag[] {
  const compare = (a: Tag, b: Tag) =>
    by === 'name'
      ? a.name.localeCompare(b.name)
      : by === 'version'
        ? byVersion.compare(a.name, b.name)
        : Date.parse(a.createdAt) - Date.parse(b.createdAt) || a.name.localeCompare(b.name)
  const ascending = [...tags].sort(compare)
  return sort === 'asc' ? ascending : ascending.reverse()
}

async function tagShape(world: World, project: Project, tag: Tag) {
  const [commit] = await log(project.dir, tag.commit, 1)
  return {
    name: tag.name,
    message: tag.message,
    target: tag.target,
    commit: commit === undefined ? null : commitShape(world, project, commit),
    release: null,
    protected: false,
    created_at: tag.target === tag.commit ? null : tag.createdAt, // of the tag object, where there is one
  }
}
