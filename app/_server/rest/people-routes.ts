import { z } from 'zod'
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
]
