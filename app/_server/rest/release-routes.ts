import { z } from 'zod'
import { liftRefusal, refuseRelease } from '../../../environments/refuse'
import { listReleases, readRelease } from '../../releases/read'
import { actorOf } from '../accounts'
import { visibleProjects } from '../permit'
import { Because } from './reason'
import { route } from './route'
import * as shape from './shapes'
import { at, ofRelease } from './where'

const ReleaseQuery = shape.PageQuery.extend({
  project: shape.id.optional(),
  service: z.string().min(1).max(200).optional(),
})

export const RELEASES = [
  route({
    method: 'GET',
    path: '/api/v1/releases',
    action: 'releases.read',
    lists: true,
    summary: 'Releases, newest first, and how far each has come',
    query: ReleaseQuery,
    status: 200,
    reply: 'ReleasePage',
    faults: [],
    do: ({ door, query, viewer }) => listReleases(door.record, visibleProjects(viewer), query),
  }),
  route({
    method: 'GET',
    path: '/api/v1/releases/{id}',
    action: 'releases.read',
    where: at(ofRelease),
    summary: 'One release from its commit to every environment, and what may be done with it',
    params: shape.IdParams,
    status: 200,
    reply: 'ReleaseDetail',
    faults: ['not.found'],
    do: ({ door, params, viewer }) => readRelease(door.record, params.id, viewer),
  }),
  route({
    method: 'POST',
    path: '/api/v1/releases/{id}/refuse',
    action: 'releases.refuse',
    where: at(ofRelease),
    summary: 'Refuse a release: nobody promotes it anywhere until that is lifted',
    params: shape.IdParams,
    body: z.strictObject({ because: Because }),
    status: 200,
    reply: 'ReleaseDetail',
    faults: ['not.found', 'conflict'],
    do: async ({ door, params, body, viewer }) => {
      await refuseRelease(door.record, params.id, body.because, actorOf(viewer))
      return readRelease(door.record, params.id, viewer)
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/releases/{id}/lift',
    action: 'releases.refuse',
    where: at(ofRelease),
    summary: 'Lift the refusal: it may be asked for again',
    params: shape.IdParams,
    body: shape.NoBody,
    status: 200,
    reply: 'ReleaseDetail',
    faults: ['not.found', 'conflict'],
    do: async ({ door, params, viewer }) => {
      await liftRefusal(door.record, params.id, actorOf(viewer))
      return readRelease(door.record, params.id, viewer)
    },
  }),
]
