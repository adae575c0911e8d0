// Roles in projects and environments.
import { z } from 'zod'
import { grantMembership, listMemberships, revokeMembership } from '../memberships'
import { GRANTED } from '../permit'
import { route } from './route'
import * as shape from './shapes'
import { at, ofProject } from './where'

const GrantBody = z.strictObject({
  account: shape.id,
  project: shape.id,
  environment: z
    .string()
    .max(63)
    .nullable()
    .optional()
    .transform((name) => name || null)
    .describe('Name; absent: the whole project'),
  role: z.enum(GRANTED),
})

export const MEMBERSHIPS = [
  route({
    method: 'GET',
    path: '/api/v1/accounts/{id}/memberships',
    action: 'accounts.read',
    summary: 'What an account may in projects and environments, newest first',
    params: shape.IdParams,
    query: shape.PageQuery,
    status: 200,
    reply: 'MembershipPage',
    faults: [],
    do: ({ door, params, query }) => listMemberships(door.record, { accountId: params.id }, query),
  }),
  route({
    method: 'GET',
    path: '/api/v1/projects/{id}/memberships',
    action: 'projects.read',
    summary: 'Who has which role in a project, newest first',
    params: shape.IdParams,
    query: shape.PageQuery,
    where: at(ofProject),
    status: 200,
    reply: 'MembershipPage',
    faults: ['not.found'],
    do: ({ door, params, query }) => listMemberships(door.record, { projectId: params.id }, query),
  }),
  route({
    method: 'POST',
    path: '/api/v1/memberships',
    action: 'accounts.change',
    summary: 'Grant a role in a project, or in one environment of it',
    body: GrantBody,
    status: 201,
    reply: 'MembershipMade',
    faults: ['not.found', 'conflict'],
    do: async ({ door, body, viewer }) => ({ id: await grantMembership(door.record, body, viewer) }),
  }),
  route({
    method: 'POST',
    path: '/api/v1/memberships/{id}/revoke',
    action: 'accounts.change',
    summary: 'Revoke a role; it counts from the next request on',
    params: shape.IdParams,
    body: shape.NoBody,
    status: 204,
    reply: null,
    faults: ['not.found'],
    do: ({ door, params, viewer }) => revokeMembership(door.record, params.id, viewer),
  }),
]
