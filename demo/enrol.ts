// Somebody of operations gets a passkey: made by them, admitted by a worker because they hold a code of the installation.
import { relyingParty } from '../audit/keys'
import { enrolmentClaim, proofOf } from '../environments/enrolment-code'
import { asPerson, openSession } from './client'
import { SoftPasskey } from './passkey'
import { until } from './tell'

const MINUTE = 60_000

interface Begun {
  account: number
  challenge: string
  rp: { id: string }
  user: { id: string }
}
interface Known {
  credentialId: string
  state: string
  because: string
  roles: string[]
}

/** @param code printed at the first start; it never leaves this process, only the proof does */
export async function enrol(url: string, who: { name: string; password: string }, code: string): Promise<SoftPasskey> {
  const cookie = await openSession(url, who.name, who.password)
  const begun = await asPerson<Begun>(url, cookie, '/passkeys/challenge', {})
  const passkey = SoftPasskey.make('ES256')
  const { challenge, user } = begun
  const response = passkey.create({
    rpId: begun.rp.id,
    origin: relyingParty(url).webOrigin,
    challenge,
    userId: user.id,
  })
  const { credentialId, spki } = passkey
  const proof = proofOf(code, enrolmentClaim({ accountId: begun.account, credentialId, spki }))
  await asPerson(url, cookie, '/passkeys', { name: 'key of the demo', response, proof })
  await until(
    () => 'a worker looks at the passkey',
    async () => {
      const answer = await fetch(`${url}/api/v1/passkeys`, { headers: { cookie }, signal: AbortSignal.timeout(10_000) })
      const { items } = (await answer.json()) as { items: Known[] }
      const mine = items.find((key) => key.credentialId === credentialId)
      if (mine?.state === 'refused') throw new Error(`the passkey was refused: ${mine.because}`)
      return mine?.state === 'admitted' ? mine : null
    },
    MINUTE,
  )
  return passkey
}
