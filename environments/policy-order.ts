import type { Tx } from '../prisma/record'
import { EnvironmentPolicy } from './environment'
import { inOrder } from './starting'

interface Placed {
  id: number
  position: number
  policy: unknown
}

/**
 * Gives a project's environments the places that their policies ask for. One whose policy cannot be read, or that comes
 * after none of them, stands last. The caller holds the row of the one that changed.
 */
export async function orderPlaces(tx: Tx, projectId: number): Promise<void> {
  const { rows } = await tx.query<Placed>(
    'SELECT id, position, policy FROM "Environment" WHERE "projectId" = $1 ORDER BY id FOR UPDATE',
    [projectId],
  )
  const readable = rows.flatMap((row) => {
    const policy = EnvironmentPolicy.safeParse(row.policy).data
    return policy === undefined ? [] : [{ id: row.id, ...policy }]
  })
  const { ordered, left } = inOrder(readable)
  const unreadable = rows.filter((row) => !readable.some((r) => r.id === row.id))
  const wanted = [...ordered, ...left, ...unreadable]
  for (const [position, { id }] of wanted.entries()) {
    if (rows.find((row) => row.id === id)?.position !== position)
      await tx.query('UPDATE "Environment" SET position = $2 WHERE id = $1', [id, position])
  }
}
