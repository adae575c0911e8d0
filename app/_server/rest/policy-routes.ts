// Policies of environments, their versions and proposed changes.
import { z } from 'zod'
import { askForAgreedPolicy, proposePolicy, withdrawPolicyChange } from '../../../environments/propose-policy'
import {
  CHANGE_STATUSES,
  listPolicyChanges,
  listPolicyVersions,
  readPolicy,
  readPolicyChange,
} from '../../environments/policies'
import { personOf } from '../accounts'
import { Because } from './reason'
import { route } from './route'
import * as shape from './shapes'
import { at, ofEnvironment, ofPolicyChange } from './where'

const ChangeQuery = shape.PageQuery.extend({ status: z.enum(CHANGE_STATUSES).optional() })
const ProposalBody = z.strictObject({
  yaml: z.string().max(65_536).optional().describe('The whole policy, as a file of environments/'),
  policy: z.record(z.string(), z.unknown()).optional().describe('The same as JSON, in place of `yaml`'),
  reason: Because,
})

export const POLICIES = [
  route({
    method: 'GET',
    path: '/api/v1/environments/{id}/policy',
    action: 'policies.read',
    where: at(ofEnvironment),
    summary: 'The policy of an environment: what is in force, and what is proposed for it',
    params: shape.IdParams,
    status: 200,
    reply: 'Policy',
    faults: ['not.found'],
    do: ({ door, params }) => readPolicy(door.record, params.id, door.trust),
  }),
  route({
    method: 'GET',
    path: '/api/v1/environments/{id}/policy/versions',
    action: 'policies.read',
    where: at(ofEnvironment),
    summary: 'Its versions, newest first: author, reason and difference of each',
    params: shape.IdParams,
    query: shape.PageQuery,
    status: 200,
    reply: 'PolicyVersionPage',
    faults: ['not.found'],
    do: ({ door, params, query }) => listPolicyVersions(door.record, params.id, query),
  }),
  route({
    method: 'GET',
    path: '/api/v1/environments/{id}/policy/changes',
    action: 'policies.read',
    where: at(ofEnvironment),
    summary: 'What was ever proposed for it, newest first',
    params: shape.IdParams,
    query: ChangeQuery,
    status: 200,
    reply: 'PolicyChangePage',
    faults: ['not.found'],
    do: ({ door, params, query }) => listPolicyChanges(door.record, params.id, query),
  }),
  route({
    method: 'POST',
    path: '/api/v1/environments/{id}/policy/changes',
    action: 'policies.change',
    where: at(ofEnvironment),
    summary: 'Propose another policy: in force once the people agree who sign deployments there now',
    params: shape.IdParams,
    body: ProposalBody,
    status: 201,
    reply: 'PolicyChangeDetail',
    faults: ['not.found', 'conflict'],
    do: async ({ door, params, body, viewer }) => {
      const id = await proposePolicy(door.record, params.id, body, personOf(viewer))
      return readPolicyChange(door.record, id, viewer, door.trust)
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/environments/{id}/policy/put-back',
    action: 'policies.change',
    where: at(ofEnvironment),
    summary: 'Where the policy was edited past Shiplock: have a worker put back what was agreed to last',
    params: shape.IdParams,
    body: shape.NoBody,
    status: 202,
    reply: 'Policy',
    faults: ['not.found', 'conflict'],
    do: async ({ door, params, viewer }) => {
      await askForAgreedPolicy(door.record, params.id, personOf(viewer))
      return readPolicy(door.record, params.id, door.trust)
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/policy-changes/{id}',
    action: 'policies.read',
    where: at(ofPolicyChange),
    summary: 'One proposal: the difference, who must agree, and who has',
    params: shape.IdParams,
    status: 200,
    reply: 'PolicyChangeDetail',
    faults: ['not.found'],
    do: ({ door, params, viewer }) => readPolicyChange(door.record, params.id, viewer, door.trust),
  }),
  route({
    method: 'POST',
    path: '/api/v1/policy-changes/{id}/withdraw',
    action: 'policies.change',
    where: at(ofPolicyChange),
    summary: 'Take a proposal back: its author, or an admin',
    params: shape.IdParams,
    body: z.strictObject({ because: z.string().trim().max(2000).default('') }),
    status: 200,
    reply: 'PolicyChangeDetail',
    faults: ['not.found', 'not.permitted', 'conflict'],
    do: async ({ door, params, body, viewer }) => {
      await withdrawPolicyChange(door.record, params.id, body.because, personOf(viewer))
      return readPolicyChange(door.record, params.id, viewer, door.trust)
    },
  }),
]
