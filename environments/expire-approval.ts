import type { Context } from '../pipelines/context'

/** An approval whose time is over counts no longer. */
export async function expireApproval(_context: Context, _id: number): Promise<void> {}
