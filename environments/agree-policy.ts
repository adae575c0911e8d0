import type { Context } from '../pipelines/context'

/** Agrees to the policy that an environment begins with, where it is one of the installation's own files. */
export async function agreePolicy(_context: Context, _id: number): Promise<void> {}
