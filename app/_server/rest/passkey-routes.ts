// Passkeys: enrolling, vouching, removing, and signing in with one.
import { z } from 'zod'
import { AssertionShape } from '../../../environments/assertion'
import { beginEnrolment, finishEnrolment, offerCode, removePasskey, renamePasskey } from '../../../environments/enrol'
import { prepareVouch, vouch } from '../../../environments/vouch-for'
import { wordsOf } from '../../../environments/words'
import { Fault } from '../../../pipelines/fault'
import { listPasskeys, listWaiting, readPasskey } from '../../account/passkeys/read'
import type { PasskeyShape } from '../../account/passkeys/shapes'
import { personOf } from '../accounts'
import { askForPasskey, signInWithPasskey } from '../passkey-sign-in'
import { may, type Viewer } from '../permit'
import { type Door, route } from './route'
import { entranceOf, setSession } from './session-cookie'
import * as shape from './shapes'

const base64url = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[A-Za-z0-9_-]+$/, 'must be base64url')
const Name = z.string().trim().min(1).max(60).describe('As its owner calls it: laptop, phone')
const Proof = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits')
  .describe(
    'Of an enrolment code, which itself is never sent: HMAC-SHA-256 with SHA-256("shiplock/enrolment/v1\\n" + code without dashes) over {"account":…,"credential":…,"spki":…,"what":"passkey"}',
  )

const Registration = z
  .object({
    id: base64url(1400),
    rawId: base64url(1400),
    type: z.literal('public-key'),
    clientExtensionResults: z.object({}),
    response: z.object({
      clientDataJSON: base64url(8000),
      attestationObject: base64url(64_000),
      transports: z
        .array(z.enum(['ble', 'cable', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb']))
        .max(8)
        .default([]),
    }),
  })
  .describe('What navigator.credentials.create gave, as JSON')
const Enrolment = z.strictObject({ name: Name, response: Registration, proof: Proof.optional() })
const SignIn = z.strictObject({
  assertion: AssertionShape.describe('What navigator.credentials.get gave, each part base64url'),
  userHandle: base64url(200).nullable().optional(),
})

async function own(door: Door, viewer: Viewer, id: number): Promise<PasskeyShape> {
  const passkey = await readPasskey(door.record, id, viewer.accountId, door.trust)
  if (passkey === null) throw new Fault('not.found', `there is no passkey #${id} of yours`)
  return passkey
}

export const PASSKEYS = [
  route({
    method: 'POST',
    path: '/api/v1/session/passkey/challenge',
    action: null,
    summary: 'Begin to sign in with a passkey',
    body: z.strictObject({}),
    status: 201,
    reply: 'PasskeySignIn',
    faults: ['too.many'],
    do: ({ door, request }) => askForPasskey(door.record, door.trust, request.ip),
  }),
  route({
    method: 'POST',
    path: '/api/v1/session/passkey',
    action: null,
    summary: 'Sign in with a passkey: sets the session cookie',
    body: SignIn,
    status: 200,
    reply: 'Session',
    faults: ['not.signed.in', 'not.permitted', 'too.many'],
    do: async ({ door, body, request, reply }) => {
      const { how: _, ...from } = entranceOf(request, 'passkey')
      const { value, viewer, expiresAt } = await signInWithPasskey(door.record, body, door.trust, from)
      setSession(reply, door.publicUrl(), value)
      return {
        account: { id: viewer.id, name: viewer.name, role: viewer.role },
        expiresAt: expiresAt.toISOString(),
      }
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/passkeys',
    action: 'passkeys.own',
    summary: "One's own passkeys, and as what each may sign",
    status: 200,
    reply: 'PasskeyList',
    faults: [],
    do: ({ door, viewer }) => listPasskeys(door.record, viewer.accountId, door.trust),
  }),
  route({
    method: 'POST',
    path: '/api/v1/passkeys/challenge',
    action: 'passkeys.own',
    summary: 'Begin to add a passkey',
    body: z.strictObject({}),
    status: 201,
    reply: 'EnrolmentBegun',
    faults: ['conflict'],
    do: async ({ door, viewer }) => {
      const { expiresInMs: _, ...options } = await beginEnrolment(door.record, personOf(viewer), door.trust)
      return { account: viewer.accountId, ...options }
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/passkeys',
    action: 'passkeys.own',
    summary: 'Add a passkey: it opens sessions at once, and signs off once a worker has admitted it',
    body: Enrolment,
    status: 201,
    reply: 'Passkey',
    faults: ['conflict'],
    do: async ({ door, viewer, body }) =>
      own(door, viewer, await finishEnrolment(door.record, body, personOf(viewer), door.trust)),
  }),
  route({
    method: 'POST',
    path: '/api/v1/passkeys/{id}/rename',
    action: 'passkeys.own',
    summary: "Rename one of one's own passkeys",
    params: shape.IdParams,
    body: z.strictObject({ name: Name }),
    status: 200,
    reply: 'Passkey',
    faults: ['not.found', 'conflict'],
    do: async ({ door, viewer, params, body }) => {
      await renamePasskey(door.record, params.id, body.name, personOf(viewer))
      return own(door, viewer, params.id)
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/passkeys/{id}/code',
    action: 'passkeys.own',
    summary: "Have one of one's own passkeys admitted with an enrolment code; a worker says whether it is right",
    params: shape.IdParams,
    body: z.strictObject({ proof: Proof }),
    status: 202,
    reply: 'Passkey',
    faults: ['not.found', 'conflict'],
    do: async ({ door, viewer, params, body }) => {
      await offerCode(door.record, params.id, body.proof, personOf(viewer))
      return own(door, viewer, params.id)
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/passkeys/{id}/remove',
    action: 'passkeys.own',
    summary: "Remove one of one's own passkeys for ever; an administrator removes anybody's",
    params: shape.IdParams,
    body: z.strictObject({ because: z.string().trim().max(2000).default('') }),
    status: 204,
    reply: null,
    faults: ['not.found', 'conflict'],
    do: ({ door, viewer, params, body }) =>
      removePasskey(door.record, params.id, personOf(viewer), {
        // Who ends accounts ends their keys.
        anybodys: may(viewer, 'accounts.change'),
        because: body.because,
      }),
  }),
  route({
    method: 'GET',
    path: '/api/v1/passkeys/waiting',
    action: 'passkeys.vouch',
    summary: 'Passkeys of others that sign as less than the roles of their accounts, newest first',
    query: shape.PageQuery,
    status: 200,
    reply: 'PasskeyWaitingPage',
    faults: [],
    do: ({ door, viewer, query }) => listWaiting(door.record, viewer.accountId, door.trust, query),
  }),
  route({
    method: 'POST',
    path: '/api/v1/passkeys/{id}/vouch-statement',
    action: 'passkeys.vouch',
    summary: "What is signed to vouch that a passkey is somebody else's",
    params: shape.IdParams,
    body: z.strictObject({}),
    status: 201,
    reply: 'VouchStatement',
    faults: ['not.found', 'conflict'],
    do: async ({ door, viewer, params }) => {
      const made = await prepareVouch(door.record, params.id, personOf(viewer), door.trust)
      return {
        ...made,
        words: wordsOf(made.challenge),
        expiresAt: made.expiresAt.toISOString(),
      }
    },
  }),
  route({
    method: 'POST',
    path: '/api/v1/passkeys/{id}/vouch',
    action: 'passkeys.vouch',
    summary: 'Vouch for a passkey with the signed statement; a worker judges it',
    params: shape.IdParams,
    body: z.strictObject({ challenge: base64url(100), assertion: AssertionShape }),
    status: 204,
    reply: null,
    faults: ['not.found', 'conflict'],
    do: ({ door, viewer, params, body }) => vouch(door.record, params.id, body, personOf(viewer), door.trust),
  }),
]
