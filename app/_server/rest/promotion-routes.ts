import { z } from 'zod'
import { cancelPromotion, retryByHand } from '../../../environments/end-promotion'
import { PROMOTION, type PromotionStatus } from '../../../environments/promotion'
import { requestPromotion, startPromotion } from '../../../environments/request'
import { listPromotions, readPromotion } from '../../promotions/read'
import { actorOf, personOf } from '../accounts'
import { visibleProjects } from '../permit'
import { route } from './route'
import * as shape from './shapes'
import { at, ofEnvironment, ofPromotion } from './where'

const STATUSES = Object.keys(PROMOTION) as [PromotionStatus, ...PromotionStatus[]]

const PromotionQuery = shape.PageQuery.extend({
  project: shape.id.optional(),
  environment: shape.NameParams.shape.name.optional().describe('Name of an environment'),
  status: z.enum(STATUSES).optional(),
  release: shape.id.optional(),
})
const RequestBody = z.strictObject({
  release: shape.id,
  environment: shape.id.describe('Id of an environment'),
  reason: z.string().trim().max(2000).default(''),
})
export const PROMOTIONS = [
  route({
    method: 'GET',
    path: '/api/v1/promotions',
    action: 'promotions.read',
    lists: true,
    summary: 'Promotions, newest first',
    query: PromotionQuery,
    status: 200,
    reply: 'PromotionPage',
    faults: [],
    do: ({ door, query, viewer }) => listPromotions(door.record, visibleProjects(viewer), query),
  }),
  route({
    method: 'GET',
    path: '/api/v1/promotions/{id}',
    action: 'promotions.read',
    where: at(ofPromotion),
    summary: 'One promotion: the verdict of every gate now, who must sign, what changes, and what may be done',
    params: shape.IdParams,
    status: 200,
    reply: 'PromotionDetail',
    faults: ['not.found'],
    do: ({ door, params, viewer }) => readPromotion(door.record, params.id, viewer, door.trust),
  }),
  route({
    method: 'POST',
    path: '/api/v1/promotions',
    action: 'promotions.request',
    where: ({ body }) => ofEnvironment(body.environment),
    summary: 'Ask for a release to go to an environment; the gates judge it like any other',
    body: RequestBody,
    status: 201,
    reply: 'PromotionDetail',
    faults: ['not.found', 'conflict'],
    do: async ({ door, body, viewer }) => {
      const asked = { releaseId: body.release, environmentId: body.environment, reason: body.reason }
      const id = await requestPromotion(door.record, asked, personOf(viewer))
      return readPromotion(door.record, id, viewer, door.trust)
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/promotions/{id}/start',
    action: 'promotions.request',
    where: at(ofPromotion),
    summary: 'Start a promotion that waits in an environment which is started by hand',
    params: shape.IdParams,
    body: shape.NoBody,
    status: 200,
    reply: 'PromotionDetail',
    faults: ['not.found', 'conflict'],
    do: async ({ door, params, viewer }) => {
      await startPromotion(door.record, params.id, personOf(viewer))
      return readPromotion(door.record, params.id, viewer, door.trust)
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/promotions/{id}/cancel',
    action: 'promotions.cancel',
    where: at(ofPromotion),
    summary: 'End a promotion, also while it deploys: final when this answers',
    params: shape.IdParams,
    body: shape.CancelBody,
    status: 200,
    reply: 'PromotionDetail',
    faults: ['not.found', 'conflict'],
    do: async ({ door, params, body, viewer }) => {
      await cancelPromotion(door.record, params.id, actorOf(viewer), body.because || `canceled by ${viewer.name}`)
      return readPromotion(door.record, params.id, viewer, door.trust)
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/promotions/{id}/retry',
    action: 'promotions.retry',
    where: at(ofPromotion),
    summary: 'Try a promotion again that failed or errored: the same digest, through every gate again',
    params: shape.IdParams,
    body: shape.NoBody,
    status: 200,
    reply: 'PromotionDetail',
    faults: ['not.found', 'conflict'],
    do: async ({ door, params, viewer }) => {
      await retryByHand(door.record, params.id, personOf(viewer))
      return readPromotion(door.record, params.id, viewer, door.trust)
    },
  }),
]
