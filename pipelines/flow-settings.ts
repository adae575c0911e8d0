import type { RecordHandle } from '../prisma/client'
import { type Actor, tell, transaction } from '../prisma/record'
import { Fault } from './fault'
import { FlowSettings } from './gitflow'
import { ringWaiting } from './waiting-promotions'
import { pathInWords } from './yaml-document'

/**
 * Changes what a project says otherwise than FLOW. What is under way keeps the flow it began with; gates are judged by the
 * new one. @returns the settings as stored
 * @throws Fault input.invalid with every problem; not.found
 */
export async function changeFlow(
  handle: RecordHandle,
  projectId: number,
  settings: unknown,
  by: Actor,
): Promise<FlowSettings> {
  const parsed = FlowSettings.safeParse(settings)
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => {
      const where = pathInWords(issue.path.filter((part) => typeof part !== 'symbol'))
      return where === '' ? issue.message : `${where}: ${issue.message}`
    })
    throw new Fault('input.invalid', problems.join('; '))
  }
  const flow = parsed.data
  await transaction(handle, async (tx) => {
    const { rows } = await tx.query<{ flow: unknown }>('SELECT flow FROM "Project" WHERE id = $1 FOR UPDATE', [
      projectId,
    ])
    const before = rows[0]
    if (before === undefined) throw new Fault('not.found', `there is no project ${projectId}`)
    // Heads that belong to the flow only now were never missed: they count as seen.
    await tx.query('UPDATE "Project" SET flow = $2::jsonb, "reconciledAt" = NULL WHERE id = $1', [
      projectId,
      JSON.stringify(flow),
    ])
    await tell(tx, {
      kind: 'project.flow',
      subject: 'project',
      subjectId: projectId,
      projectId,
      by,
      data: { before: before.flow, after: flow },
    })
    await ringWaiting(tx, projectId)
  })
  return flow
}
