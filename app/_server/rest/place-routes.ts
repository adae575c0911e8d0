// Environments: by name to look at, by id to change, because a name stands for one in every project.
import { z } from 'zod'
import { holdEnvironment, releaseHold } from '../../../environments/hold'
import { removeEnvironment } from '../../../environments/remove'
import { requestRollback } from '../../../environments/rollback'
import { Fault } from '../../../pipelines/fault'
import { readBoard, readEnvironment, readPlace } from '../../environments/read'
import { readPromotion } from '../../promotions/read'
import { actorOf, personOf } from '../accounts'
import { visibleProjects } from '../permit'
import { Because } from './reason'
import { route } from './route'
import * as shape from './shapes'
import { at, ofEnvironment } from './where'

const Reasoned = z.strictObject({ because: Because })

export const PLACES = [
  route({
    method: 'GET',
    path: '/api/v1/environments',
    action: 'environments.read',
    lists: true,
    summary: 'The board: what runs where, in the order of the environments',
    status: 200,
    reply: 'EnvironmentList',
    faults: [],
    do: async ({ door, viewer }) => ({ items: await readBoard(door.record, visibleProjects(viewer)) }),
  }),
  route({
    method: 'GET',
    path: '/api/v1/environments/{name}',
    action: 'environments.read',
    lists: true,
    summary: 'The environments of this name, one for each project',
    params: shape.NameParams,
    query: shape.EnvironmentQuery,
    status: 200,
    reply: 'EnvironmentList',
    faults: ['not.found'],
    do: async ({ door, params, query, viewer }) => {
      const items = await readEnvironment(door.record, visibleProjects(viewer), params.name, query.project)
      if (items.length === 0)
        throw new Fault(
          'not.found',
          `there is no environment ${params.name}${query.project ? ` in project ${query.project}` : ''}`,
        )
      return { items }
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/environments/{id}/rollback',
    action: 'promotions.rollback',
    where: at(ofEnvironment),
    summary:
      'Put an earlier release back that was verified there; sets a hold, so that nothing newer follows by itself',
    params: shape.IdParams,
    body: z.strictObject({ release: shape.id, reason: Because }),
    status: 201,
    reply: 'PromotionDetail',
    faults: ['not.found', 'conflict'],
    do: async ({ door, params, body, viewer }) => {
      const asked = { environmentId: params.id, releaseId: body.release, reason: body.reason }
      const id = await requestRollback(door.record, asked, personOf(viewer))
      return readPromotion(door.record, id, viewer, door.trust)
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/environments/{id}/hold',
    action: 'environments.hold',
    where: at(ofEnvironment),
    summary: 'Hold an environment: nothing new goes there until the hold is released',
    params: shape.IdParams,
    body: Reasoned,
    status: 200,
    reply: 'Environment',
    faults: ['not.found', 'conflict'],
    do: async ({ door, params, body, viewer }) => {
      await holdEnvironment(door.record, params.id, body.because, actorOf(viewer))
      return readPlace(door.record, params.id)
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/environments/{id}/release-hold',
    action: 'environments.hold',
    where: at(ofEnvironment),
    summary: 'Release the hold: what waits is judged again at once',
    params: shape.IdParams,
    body: shape.NoBody,
    status: 200,
    reply: 'Environment',
    faults: ['not.found', 'conflict'],
    do: async ({ door, params, viewer }) => {
      await releaseHold(door.record, params.id, actorOf(viewer))
      return readPlace(door.record, params.id)
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/environments/{id}/remove',
    action: 'environments.remove',
    where: at(ofEnvironment),
    summary: 'Take an environment out of use: what waits for it is canceled, what runs there is left running',
    params: shape.IdParams,
    body: Reasoned,
    status: 204,
    reply: null,
    faults: ['not.found', 'conflict'],
    do: ({ door, params, body, viewer }) => removeEnvironment(door.record, params.id, body.because, actorOf(viewer)),
  }),
]
