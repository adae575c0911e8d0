import { z } from 'zod'
import { readAccount } from '../../accounts/read'
import { changeRole, disableAccount, enableAccount, resetPassword } from '../account-changes'
import { actorOf, createAccount, generatedPassword, listAccounts } from '../accounts'
import { ROLES } from '../permit'
import { route } from './route'
import * as shape from './shapes'

const AccountBody = z.strictObject({
  name: z.string().trim().min(1).max(64),
  role: z.enum(ROLES),
  password: z.string().min(1).max(512).optional().describe('Absent: one is made, and shown once'),
  forgeUserId: z
    .string()
    .max(19)
    .nullable()
    .optional()
    .describe("The forge's number of the same person: who pushed a change does not sign it"),
})

export const PEOPLE = [
  route({
    method: 'GET',
    path: '/api/v1/accounts',
    action: 'accounts.read',
    summary: 'Accounts, newest first',
    query: shape.PageQuery,
    status: 200,
    reply: 'AccountPage',
    faults: [],
    do: ({ door, query }) => listAccounts(door.record, query),
  }),
  route({
    method: 'POST',
    path: '/api/v1/accounts',
    action: 'accounts.create',
    summary: 'Make an account',
    body: AccountBody,
    status: 201,
    reply: 'AccountMade',
    faults: ['conflict'],
    do: async ({ door, body, viewer }) => {
      const { name, role } = body
      const forgeUserId = body.forgeUserId ?? null
      const password = body.password ?? generatedPassword()
      const { id } = await createAccount(door.record, { name, password, role, forgeUserId }, actorOf(viewer))
      return { id, name, role, forgeUserId, password: body.password === undefined ? password : null }
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/accounts/{id}',
    action: 'accounts.read',
    summary: 'One account, with all ways into it',
    params: shape.IdParams,
    status: 200,
    reply: 'AccountDetail',
    faults: ['not.found'],
    do: ({ door, params, request }) => readAccount(door.record, params.id, request.headers.cookie),
  }),
  route({
    method: 'POST',
    path: '/api/v1/accounts/{id}/role',
    action: 'accounts.change',
    summary: 'Give an account another role for the whole installation',
    params: shape.IdParams,
    body: z.strictObject({ role: z.enum(ROLES) }),
    status: 204,
    reply: null,
    faults: ['not.found', 'conflict'],
    do: ({ door, params, body, viewer }) => changeRole(door.record, params.id, body.role, actorOf(viewer)),
  }),
  route({
    method: 'POST',
    path: '/api/v1/accounts/{id}/disable',
    action: 'accounts.change',
    summary: 'Disable an account: its sessions and tokens end at once, and nobody signs in with it',
    params: shape.IdParams,
    body: shape.NoBody,
    status: 204,
    reply: null,
    faults: ['not.found', 'conflict'],
    do: ({ door, params, viewer }) => disableAccount(door.record, params.id, actorOf(viewer)),
  }),
  route({
    method: 'POST',
    path: '/api/v1/accounts/{id}/enable',
    action: 'accounts.change',
    summary: 'Let a disabled account sign in again',
    params: shape.IdParams,
    body: shape.NoBody,
    status: 204,
    reply: null,
    faults: ['not.found', 'conflict'],
    do: ({ door, params, viewer }) => enableAccount(door.record, params.id, actorOf(viewer)),
  }),
  route({
    method: 'POST',
    path: '/api/v1/accounts/{id}/reset-password',
    action: 'accounts.change',
    summary: 'Give an account a new password, which is shown once; its sessions and tokens end at once',
    params: shape.IdParams,
    body: shape.NoBody,
    status: 200,
    reply: 'PasswordMade',
    faults: ['not.found'],
    do: async ({ door, params, viewer }) => ({
      password: await resetPassword(door.record, params.id, actorOf(viewer)),
    }),
  }),
]
