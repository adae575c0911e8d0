import type { Context } from '../pipelines/context'

/** Applies a policy change that everybody has agreed to who must. */
export async function applyPolicyChange(_context: Context, _id: number): Promise<void> {}
