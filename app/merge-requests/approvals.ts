// Who approved a merge request: on the forge, as the forge told; here, as it was asked for and done.
import { z } from 'zod'

/** Of the forge. Written by another version, perhaps: what cannot be read is shown as none. */
const OnForge = z.array(z.object({ id: z.coerce.string(), name: z.string() })).catch([])

export const forgeApprovals = (row: { approvals: unknown }) => OnForge.parse(row.approvals)

interface Action {
  kind: string
  status: string
  head: string
  accountId: number
  accountName: string
  finishedAt: Date | null
}

/** Given here and done on the forge, newest first. Each is for one head: a push after it needs another. */
export const hereApprovals = (row: { actions: readonly Action[] }) =>
  row.actions
    .filter((a) => a.kind === 'approve' && a.status === 'done')
    .map((a) => ({
      accountId: a.accountId,
      name: a.accountName,
      head: a.head,
      at: a.finishedAt?.toISOString() ?? null,
    }))
