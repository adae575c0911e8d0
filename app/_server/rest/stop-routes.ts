// The emergency stop: of one environment, or of everything.
import { z } from 'zod'
import { goAll, goEnvironment, stopAll, stopEnvironment } from '../../../environments/stop'
import { readInstallation } from '../../environments/installation'
import { readPlace } from '../../environments/read'
import { actorOf } from '../accounts'
import { Because } from './reason'
import { route } from './route'
import * as shape from './shapes'
import { at, ofEnvironment } from './where'

const Reasoned = z.strictObject({ because: Because })

export const STOPS = [
  route({
    method: 'POST',
    path: '/api/v1/environments/{id}/stop',
    action: 'environments.stop',
    where: at(ofEnvironment),
    summary: 'Stop an environment at once: what is being deployed goes back to waiting, and nothing moves there',
    params: shape.IdParams,
    body: Reasoned,
    status: 200,
    reply: 'Environment',
    faults: ['not.found', 'conflict'],
    do: async ({ door, params, body, viewer }) => {
      await stopEnvironment(door.record, params.id, body.because, actorOf(viewer))
      return readPlace(door.record, params.id)
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/environments/{id}/go',
    action: 'environments.go',
    where: at(ofEnvironment),
    summary: 'Let a stopped environment go on: what waits there is judged again at once',
    params: shape.IdParams,
    body: Reasoned,
    status: 200,
    reply: 'Environment',
    faults: ['not.found', 'conflict'],
    do: async ({ door, params, body, viewer }) => {
      await goEnvironment(door.record, params.id, body.because, actorOf(viewer))
      return readPlace(door.record, params.id)
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/installation',
    action: 'events.read',
    summary: 'This installation: its name in the trail, and whether everything is stopped',
    status: 200,
    reply: 'Installation',
    faults: [],
    do: ({ door }) => readInstallation(door.record),
  }),
  route({
    method: 'POST',
    path: '/api/v1/installation/stop',
    action: 'installation.stop',
    summary: 'Stop every environment at once, those that are made later included',
    body: Reasoned,
    status: 200,
    reply: 'Installation',
    faults: ['conflict'],
    do: async ({ door, body, viewer }) => {
      await stopAll(door.record, body.because, actorOf(viewer))
      return readInstallation(door.record)
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/installation/go',
    action: 'installation.go',
    summary: 'Let everything go on that is not stopped by itself',
    body: Reasoned,
    status: 200,
    reply: 'Installation',
    faults: ['conflict'],
    do: async ({ door, body, viewer }) => {
      await goAll(door.record, body.because, actorOf(viewer))
      return readInstallation(door.record)
    },
  }),
]
