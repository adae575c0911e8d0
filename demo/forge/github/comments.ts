// The conversation of a pull request: comments of its issue.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { MergeRequest, Note } from '../merge-request'
import { addNote, editNote, mergeRequestOf, mergeRequestsOf, removeNote } from '../merge-requests'
import { type Asker, inRepository, invalid, no, page, param, READ, textAsked, WRITE } from './asked'
import { apiUrl, userById } from './shapes'
import type { Github } from './state'

const MAX_BODY = 65_536

export function commentRoutes(app: FastifyInstance, { world }: Github) {
  const at = '/repos/:owner/:repo/issues'
  const shape = ({ project }: Asker, note: Note) => ({
    id: note.id,
    body: note.body,
    user: userById(world, note.authorId),
    created_at: note.createdAt,
    updated_at: note.updatedAt,
    url: `${apiUrl(world, project)}/issues/comments/${note.id}`,
  })
  const onPull = (handle: (asker: Asker, mr: MergeRequest, request: FastifyRequest, reply: FastifyReply) => unknown) =>
    inRepository(world, READ, (asker, request, reply) => {
      const mr = mergeRequestOf(world, asker.project, Number(param(request, 'number')))
      return mr === null ? no(reply, 404, 'Not Found') : handle(asker, mr, request, reply)
    })
  /** GitHub numbers comments across the whole repository. */
  const onComment = (
    handle: (
      asker: Asker,
      found: { mr: MergeRequest; note: Note },
      request: FastifyRequest,
      reply: FastifyReply,
    ) => unknown,
  ) =>
    inRepository(world, READ, (asker, request, reply) => {
      const id = Number(param(request, 'comment'))
      const mr = mergeRequestsOf(world, asker.project).find(({ notes }) => notes.some((note) => note.id === id))
      const note = mr?.notes.find((each) => each.id === id)
      if (mr === undefined || note === undefined) return no(reply, 404, 'Not Found')
      if (note.authorId !== asker.user.id && asker.level < WRITE) return no(reply, 403, 'Must have admin rights')
      return handle(asker, { mr, note }, request, reply)
    })
  /** Undefined: it was refused. */
  const bodyAsked = (request: FastifyRequest, reply: FastifyReply) => {
    const body = textAsked(request, 'body') ?? ''
    const message = body.trim() === '' ? 'body cannot be blank' : `body is too long (maximum is ${MAX_BODY} characters)`
    if (body.trim() !== '' && body.length <= MAX_BODY) return body
    invalid(reply, [{ resource: 'IssueComment', field: 'data', code: 'unprocessable', message }])
    return undefined
  }

  app.get(
    `${at}/:number/comments`,
    onPull((asker, mr, request, reply) => page(request, reply, mr.notes).map((note) => shape(asker, note))),
  )
  app.post(
    `${at}/:number/comments`,
    onPull((asker, mr, request, reply) => {
      const body = bodyAsked(request, reply)
      return body === undefined ? reply : reply.code(201).send(shape(asker, addNote(world, asker.user, mr, body)))
    }),
  )
  app.patch(
    `${at}/comments/:comment`,
    onComment((asker, { note }, request, reply) => {
      const body = bodyAsked(request, reply)
      return body === undefined ? reply : shape(asker, editNote(note, body))
    }),
  )
  app.delete(
    `${at}/comments/:comment`,
    onComment((_asker, { mr, note }, _request, reply) => {
      removeNote(mr, note)
      return reply.code(204).send()
    }),
  )
}
