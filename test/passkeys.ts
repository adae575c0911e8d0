import type { Signer } from '../audit/certificate'
import { type PasskeyKind, SoftPasskey } from '../demo/passkey'
import { writeAdmission } from '../environments/admit-passkey'
import type { RecordHandle } from '../prisma/client'
import { transaction } from '../prisma/record'

/** A passkey in software that a worker has admitted for this account, with a real certificate and its entry in the trail. */
export async function enrolled(
  record: RecordHandle,
  signer: Signer,
  accountId: number,
  roles: readonly string[],
  kind: PasskeyKind = 'ES256',
): Promise<SoftPasskey> {
  const passkey = SoftPasskey.make(kind)
  await transaction(record, async (tx) => {
    const { rows } = await tx.query(
      `INSERT INTO "Passkey" ("accountId", name, "credentialId", "publicKey", spki, alg) VALUES ($1, 'a key of the test', $2, $3, $4, $5) RETURNING id`,
      [accountId, passkey.credentialId, passkey.cose, passkey.spki, passkey.alg],
    )
    const { id } = rows[0] as { id: number }
    const { credentialId, spki, alg } = passkey
    await writeAdmission(
      tx,
      signer,
      { id, accountId, credentialId, spki, alg, roles },
      { actor: 'worker:test', actorName: 'worker test' },
    )
  })
  return passkey
}
