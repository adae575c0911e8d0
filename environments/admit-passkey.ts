import type { Context } from '../pipelines/context'

/** Judges a proposed passkey: admits it for signing off, or leaves it as it is. */
export async function admitPasskey(_context: Context, _id: number): Promise<void> {}
