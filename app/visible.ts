// What a list may show: every read of a list takes it, and puts it into its SQL.

/** visibleProjects() of permit.ts: every project, or the ids of these. */
export type Visible = 'all' | readonly number[]

/** Prisma's condition on a row's project; `project` is what a filter asks for. Nothing where everything may be shown. */
export function within(visible: Visible, project?: number): { projectId?: number | { in: number[] } } {
  if (visible === 'all') return project === undefined ? {} : { projectId: project }
  return { projectId: { in: visible.filter((id) => project === undefined || id === project) } }
}

/** As a parameter of SQL, for `($n::int[] IS NULL OR "projectId" = ANY($n))`. */
export const asIds = (visible: Visible): readonly number[] | null => (visible === 'all' ? null : visible)
