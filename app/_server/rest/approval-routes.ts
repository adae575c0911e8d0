// Answers to promotions and to changes of policies: statements, sign-offs, rejections.
import { z } from 'zod'
import type { Subject } from '../../../environments/answerable'
import { answer, prepareStatement } from '../../../environments/sign-off'
import { DECISIONS, type Decision } from '../../../environments/statement'
import { reviewGlass, withdraw } from '../../../environments/take-back'
import { Fault } from '../../../pipelines/fault'
import { countNeedsMe, listApprovals, TABS } from '../../approvals/read'
import { AssertionShape } from '../../approvals/shapes'
import { personOf } from '../accounts'
import { type Action, may, type Viewer, whyNotPermitted } from '../permit'
import { Because } from './reason'
import { type Door, route } from './route'
import * as shape from './shapes'
import { ofApproval, ofPolicyChange, ofPromotion, ofStatement, type Place } from './where'

const StatementBody = z.strictObject({
  decision: z.enum(DECISIONS).default('approve'),
  reason: z.string().trim().max(2000).default('').describe('A comment; needed for everything but an approval'),
})
const AnswerBody = z.strictObject({
  hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be the hash of the statement: 64 hexadecimal digits')
    .describe('Of the statement that is answered'),
  assertion: AssertionShape.optional().describe('Of a passkey, over the challenge; where a rule asks for one'),
})
const ListQuery = shape.PageQuery.extend({ tab: z.enum(TABS).default('needs-me') })

/** What the role must allow for each answer. */
const ACTION_OF: Record<Decision, Action> = {
  approve: 'promotions.approve',
  reject: 'promotions.reject',
  override: 'promotions.override',
  'break-glass': 'promotions.break-glass',
}

/** The route's own action is the least of them: each answer has a row of its own in the table. */
async function permit(door: Door, viewer: Viewer, place: Place, decision: Decision) {
  const { where } = await place(door.record)
  const action = ACTION_OF[decision]
  if (where !== null && !may(viewer, action, where))
    throw new Fault('not.permitted', whyNotPermitted(viewer, action, where))
}

async function prepare(door: Door, viewer: Viewer, asked: { subject: Subject; decision: Decision; reason: string }) {
  const made = await prepareStatement(door.record, asked, personOf(viewer), door.trust)
  return {
    hash: made.hash,
    text: made.text,
    words: made.words,
    challenge: made.challenge,
    rpId: door.trust.rpId,
    expiresAt: made.expiresAt.toISOString(),
    passkey: made.passkey,
  }
}

export const APPROVALS = [
  route({
    method: 'GET',
    path: '/api/v1/approvals',
    action: 'approvals.read',
    lists: true,
    summary: 'The inbox: what waits for one’s own answer, what one has answered, and all of it',
    query: ListQuery,
    status: 200,
    reply: 'ApprovalPage',
    faults: [],
    do: ({ door, query, viewer }) => listApprovals(door.record, viewer, query),
  }),
  route({
    method: 'GET',
    path: '/api/v1/approvals/count',
    action: 'approvals.read',
    lists: true,
    summary: 'How much waits for one’s own answer',
    status: 200,
    reply: 'ApprovalCount',
    faults: [],
    do: ({ door, viewer }) => countNeedsMe(door.record, viewer),
  }),
  route({
    method: 'POST',
    path: '/api/v1/promotions/{id}/statement',
    action: 'promotions.approve',
    also: ['promotions.reject', 'promotions.override', 'promotions.break-glass'],
    where: ({ params }) => ofPromotion(params.id),
    summary:
      'Put into bytes what would be answered to: everything the deployment does. Kept for five minutes, answered once',
    params: shape.IdParams,
    body: StatementBody,
    status: 201,
    reply: 'StatementMade',
    faults: ['not.found', 'not.permitted', 'conflict'],
    do: async ({ door, params, body, viewer }) => {
      await permit(door, viewer, ofPromotion(params.id), body.decision)
      return prepare(door, viewer, { subject: { promotionId: params.id }, ...body })
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/policy-changes/{id}/statement',
    action: 'policies.approve',
    where: ({ params }) => ofPolicyChange(params.id),
    summary: 'The same for a change of a policy: approve or reject',
    params: shape.IdParams,
    body: StatementBody.extend({ decision: z.enum(['approve', 'reject']).default('approve') }),
    status: 201,
    reply: 'StatementMade',
    faults: ['not.found', 'not.permitted', 'conflict'],
    do: ({ door, params, body, viewer }) => prepare(door, viewer, { subject: { policyChangeId: params.id }, ...body }),
  }),
  route({
    method: 'POST',
    path: '/api/v1/approvals',
    action: 'promotions.approve',
    where: ({ body }) => ofStatement(body.hash),
    summary:
      'Answer with a statement that was prepared, signed with a passkey where a rule asks for one; nobody signs their own change',
    body: AnswerBody,
    status: 201,
    reply: 'Answered',
    faults: ['not.found', 'not.permitted', 'conflict'],
    do: ({ door, body, viewer }) => answer(door.record, body, personOf(viewer), door.trust),
  }),
  route({
    method: 'POST',
    path: '/api/v1/approvals/{id}/withdraw',
    action: 'approvals.withdraw',
    where: ({ params }) => ofApproval(params.id),
    summary: 'Take one’s own answer back, until it is used',
    params: shape.IdParams,
    body: shape.NoBody,
    status: 204,
    reply: null,
    faults: ['not.found', 'not.permitted', 'conflict'],
    do: ({ door, params, viewer }) => withdraw(door.record, params.id, personOf(viewer)),
  }),
  route({
    method: 'POST',
    path: '/api/v1/approvals/{id}/review',
    action: 'approvals.review',
    where: ({ params }) => ofApproval(params.id),
    summary: 'Say what was found about a broken glass; not by who broke it',
    params: shape.IdParams,
    body: z.strictObject({ because: Because }),
    status: 204,
    reply: null,
    faults: ['not.found', 'not.permitted', 'conflict'],
    do: ({ door, params, body, viewer }) => reviewGlass(door.record, params.id, body.because, personOf(viewer)),
  }),
]
