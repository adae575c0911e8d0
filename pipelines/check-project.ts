import { inMs, PLUS_ONE, record, transaction } from '../prisma/record'
import { asWorker, type Context } from './context'
import { canRetry, isFault } from './fault'
import { runChecks } from './forge-checks'
import { LEASE_MS, lapsedClaim } from './lease'
import { type Check, PROJECT } from './project'

const MAX_ATTEMPTS = 10

/** Checks a project on its forge, step by step, each step shown as it passes; makes its webhook and reads it back. */
export async function connectProject(context: Context, id: number): Promise<void> {
  const by = asWorker(context)
  const row = await transaction(context.record, (tx) =>
    record(tx, 'project', PROJECT, {
      id,
      from: 'connecting',
      event: 'claim',
      ifDue: true,
      set: { epoch: PLUS_ONE, attempts: PLUS_ONE, leaseUntil: inMs(LEASE_MS), worker: context.worker },
      by,
    }),
  )
  if (row === null) return
  const { epoch, attempts } = row as unknown as { epoch: number; attempts: number }
  await context.leases.hold('project', id, epoch, async (lost) => {
    const checks: Check[] = []
    try {
      const passed = await runChecks(context, id, checks)
      if (lost.aborted) return
      const failed = checks.find((c) => !c.ok)
      await transaction(context.record, (tx) =>
        record(tx, 'project', PROJECT, {
          id,
          from: 'checking',
          event: failed ? 'fail' : 'pass',
          epoch,
          because: failed ? `${failed.because} ${failed.remedy ?? ''}`.trim() : '',
          // What is there now counts as seen, and what comes from now on does not get lost.
          set: { leaseUntil: null, checks: { json: checks }, reconcileAt: inMs(0), ...passed },
          by,
        }),
      )
    } catch (error) {
      if (lost.aborted) return
      if (!isFault(error)) throw error
      const again = canRetry(error) && attempts < MAX_ATTEMPTS
      await transaction(context.record, (tx) =>
        record(tx, 'project', PROJECT, {
          id,
          from: 'checking',
          event: again ? 'again' : 'fail',
          epoch,
          because: error.message,
          set: {
            leaseUntil: null,
            checks: { json: checks },
            dueAt: inMs(error.retryAfterMs ?? Math.min(1000 * 2 ** attempts, 60_000)),
          },
          by,
        }),
      )
    }
  })
}

/** Takes a lapsed check away from a worker that gave no sign of life. */
export async function loseProject(context: Context, id: number): Promise<void> {
  await transaction(context.record, async (tx) => {
    const lapsed = await lapsedClaim(tx, 'project', id)
    if (lapsed)
      await record(tx, 'project', PROJECT, {
        id,
        from: 'checking',
        event: 'lose',
        epoch: lapsed.epoch,
        set: { leaseUntil: null, attempts: lapsed.attempts },
        by: asWorker(context),
      })
  })
}
