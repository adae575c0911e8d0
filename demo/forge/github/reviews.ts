import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { MergeRequest } from '../merge-request'
import { type Asker, invalid, no, page, param, READ, textAsked, WRITE } from './asked'
import { tellReview } from './events'
import { onPull } from './pulls'
import { userById } from './shapes'
import { type Github, listOf, type Review } from './state'

const STATES: Record<string, Review['state']> = {
  APPROVE: 'APPROVED',
  REQUEST_CHANGES: 'CHANGES_REQUESTED',
  COMMENT: 'COMMENTED',
}

export const reviewShape = ({ world }: Github, review: Review) => ({
  id: review.id,
  user: userById(world, review.userId),
  body: review.body,
  state: review.state,
  commit_id: review.commitId,
  submitted_at: review.submittedAt,
  author_association: 'COLLABORATOR',
})

export function reviewRoutes(app: FastifyInstance, github: Github) {
  const { world } = github
  const at = '/repos/:owner/:repo/pulls/:number/reviews'
  app.get(
    at,
    onPull(world, READ, (_asker, mr, request, reply) =>
      page(request, reply, listOf(github.reviews, mr)).map((review) => reviewShape(github, review)),
    ),
  )
  app.post(
    at,
    onPull(world, READ, (asker, mr, request, reply) => submit(github, asker, mr, request, reply)),
  )
  app.put(
    `${at}/:review/dismissals`,
    onPull(world, WRITE, (asker, mr, request, reply) => {
      const review = listOf(github.reviews, mr).find(({ id }) => String(id) === param(request, 'review'))
      if (review === undefined) return no(reply, 404, 'Not Found')
      review.state = 'DISMISSED'
      tellReview(github, { mr, review, user: asker.user, action: 'dismissed' })
      return reviewShape(github, review)
    }),
  )
}

function submit(github: Github, { user }: Asker, mr: MergeRequest, request: FastifyRequest, reply: FastifyReply) {
  const state = STATES[textAsked(request, 'event') ?? '']
  if (state === undefined) return invalid(reply, ['Event is invalid'], 'Unprocessable Entity')
  if (user.id === mr.authorId && state !== 'COMMENTED') {
    const what = state === 'APPROVED' ? 'approve' : 'request changes on'
    return invalid(reply, [`Can not ${what} your own pull request`], 'Unprocessable Entity')
  }
  const review: Review = {
    id: github.world.nextId(),
    userId: user.id,
    state,
    body: textAsked(request, 'body') ?? '',
    commitId: textAsked(request, 'commit_id') ?? mr.head,
    submittedAt: new Date().toISOString(),
  }
  listOf(github.reviews, mr).push(review)
  tellReview(github, { mr, review, user, action: 'submitted' })
  return reply.code(200).send(reviewShape(github, review))
}
