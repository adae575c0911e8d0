// One's own sessions and password, and the sessions of an account.
import { z } from 'zod'
import { transaction } from '../../../prisma/record'
import { changePassword, endAllSessions } from '../account-changes'
import { actorOf } from '../accounts'
import { endSession, endSessions, listSessions } from '../session'
import { route } from './route'
import * as shape from './shapes'

const OneOfAccount = shape.IdParams.extend({ session: shape.id })

export const SESSIONS = [
  route({
    method: 'GET',
    path: '/api/v1/sessions',
    action: 'sessions.own',
    summary: "One's own sessions, newest first",
    status: 200,
    reply: 'SessionList',
    faults: [],
    do: async ({ door, viewer, request }) => ({
      items: await listSessions(door.record, viewer.accountId, request.headers.cookie),
    }),
  }),
  route({
    method: 'POST',
    path: '/api/v1/sessions/{id}/end',
    action: 'sessions.own',
    summary: "End one of one's own sessions",
    params: shape.IdParams,
    body: shape.NoBody,
    status: 204,
    reply: null,
    faults: ['not.found'],
    do: ({ door, viewer, params }) => endSession(door.record, viewer.accountId, params.id, actorOf(viewer)),
  }),
  route({
    method: 'POST',
    path: '/api/v1/sessions/end-others',
    action: 'sessions.own',
    summary: "End all of one's own sessions but this one",
    body: shape.NoBody,
    status: 200,
    reply: 'SessionsEnded',
    faults: [],
    do: ({ door, viewer, request }) =>
      transaction(door.record, async (tx) => ({
        ended: await endSessions(tx, viewer.accountId, actorOf(viewer), { keep: request.headers.cookie }),
      })),
  }),
  route({
    method: 'POST',
    path: '/api/v1/account/password',
    action: 'sessions.own',
    summary: "Change one's own password; all other sessions end",
    body: z.strictObject({ old: z.string().min(1).max(512), new: z.string().min(1).max(512) }),
    status: 204,
    reply: null,
    faults: ['not.permitted', 'conflict', 'too.many'],
    do: ({ door, viewer, body, request }) => changePassword(door.record, viewer, body, request.headers.cookie),
  }),
  route({
    method: 'GET',
    path: '/api/v1/accounts/{id}/sessions',
    action: 'accounts.read',
    summary: 'The sessions of an account, newest first',
    params: shape.IdParams,
    status: 200,
    reply: 'SessionList',
    faults: [],
    do: async ({ door, params, request }) => ({
      items: await listSessions(door.record, params.id, request.headers.cookie),
    }),
  }),
  route({
    method: 'POST',
    path: '/api/v1/accounts/{id}/end-sessions',
    action: 'accounts.change',
    summary: 'End all sessions of an account',
    params: shape.IdParams,
    body: shape.NoBody,
    status: 200,
    reply: 'SessionsEnded',
    faults: ['not.found'],
    do: async ({ door, params, viewer }) => ({ ended: await endAllSessions(door.record, params.id, actorOf(viewer)) }),
  }),
  route({
    method: 'POST',
    path: '/api/v1/accounts/{id}/sessions/{session}/end',
    action: 'accounts.change',
    summary: 'End one session of an account',
    params: OneOfAccount,
    body: shape.NoBody,
    status: 204,
    reply: null,
    faults: ['not.found'],
    do: ({ door, params, viewer }) => endSession(door.record, params.id, params.session, actorOf(viewer)),
  }),
]
