import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { onMergeRequest } from './api-merge-requests'
import { type Asker, askedOf, missing, no, wrong } from './asker'
import { isRefusal, type MergeRequest, type Note } from './merge-request'
import { approvalsShape, noteShape } from './merge-request-shape'
import { addNote, approve, editNote, removeNote, unapprove } from './merge-requests'
import { page } from './paging'
import { MAINTAINER, REPORTER } from './people'
import type { World } from './world'

/** Approvals and notes of merge requests: what people say of them. */
export function noteRoutes(app: FastifyInstance, world: World) {
  const one = '/projects/:id/merge_requests/:iid'
  app.get(
    `${one}/approvals`,
    onMergeRequest(world, REPORTER, async ({ user }, mr) => approvalsShape(world, mr, user)),
  )
  app.post(
    `${one}/approve`,
    onMergeRequest(world, REPORTER, async ({ user }, mr, request, reply) => {
      const approved = await approve(world, user, mr, askedOf(request).sha)
      if (!isRefusal(approved)) return reply.code(201).send(approvalsShape(world, mr, user))
      return approved.refused === 'stale-head' ? no(reply, 409, approved.because) : no(reply, 401, '401 Unauthorized')
    }),
  )
  app.post(
    `${one}/unapprove`,
    onMergeRequest(world, REPORTER, async ({ user }, mr, _request, reply) => {
      const taken = await unapprove(world, user, mr)
      return isRefusal(taken) ? no(reply, 404, '404 Not found') : reply.code(201).send(approvalsShape(world, mr, user))
    }),
  )
  app.get(
    `${one}/notes`,
    onMergeRequest(world, REPORTER, async (_asker, mr, request, reply) => {
      const { sort = 'desc', order_by: by = 'created_at' } = askedOf(request)
      const oldestFirst = [...mr.notes].sort((a, b) =>
        by === 'updated_at' ? a.updatedAt.localeCompare(b.updatedAt) : 0,
      )
      const sorted = sort === 'asc' ? oldestFirst : oldestFirst.reverse()
      return page(request, reply, sorted).map((note) => noteShape(world, mr, note))
    }),
  )
  app.post(
    `${one}/notes`,
    onMergeRequest(world, REPORTER, async ({ user }, mr, request, reply) => {
      const asked = askedOf(request)
      const absent = missing(asked, 'body')
      if (absent !== null) return wrong(reply, absent)
      return reply.code(201).send(noteShape(world, mr, addNote(world, user, mr, asked.body ?? '')))
    }),
  )
  app.get(
    `${one}/notes/:note`,
    onNote(world, async (_asker, mr, note) => noteShape(world, mr, note)),
  )
  app.put(
    `${one}/notes/:note`,
    onNote(world, async (asker, mr, note, request, reply) => {
      const asked = askedOf(request)
      const absent = missing(asked, 'body')
      if (absent !== null) return wrong(reply, absent)
      if (!isTheirs(asker, note)) return no(reply, 403, '403 Forbidden')
      return noteShape(world, mr, editNote(note, asked.body ?? ''))
    }),
  )
  app.delete(
    `${one}/notes/:note`,
    onNote(world, async (asker, mr, note, _request, reply) => {
      if (!isTheirs(asker, note)) return no(reply, 403, '403 Forbidden')
      removeNote(mr, note)
      return reply.code(204).send()
    }),
  )
}

const isTheirs = ({ user, level }: Asker, note: Note) => note.authorId === user.id || level >= MAINTAINER

const onNote = (
  world: World,
  handle: (
    asker: Asker,
    mr: MergeRequest,
    note: Note,
    request: FastifyRequest,
    reply: FastifyReply,
  ) => Promise<unknown>,
) =>
  onMergeRequest(world, REPORTER, async (asker, mr, request, reply) => {
    const note = mr.notes.find(({ id }) => String(id) === (request.params as { note: string }).note)
    return note === undefined ? no(reply, 404, '404 Note Not Found') : handle(asker, mr, note, request, reply)
  })
