import { unseal } from '../prisma/seal'
import type { Context } from './context'
import type { Forge, ForgeHook } from './forges/forge'
import { hookContext } from './project'

/** Makes the project's webhook, or brings the existing one up to date, with the secrets that only the worker can open. */
export async function makeHook(context: Context, id: number, forge: Forge, forgeProjectId: number): Promise<ForgeHook> {
  const row = await context.record.db.project.findUniqueOrThrow({
    where: { id },
    select: { hook: true, hookSealed: true },
  })
  const secrets = JSON.parse(await unseal(context.keys, hookContext(row.hook), row.hookSealed)) as {
    token: string
    signingKey: string
  }
  return forge.ensureHook(forgeProjectId, `${context.publicUrl}/webhooks/${row.hook}`, {
    token: secrets.token,
    signingKey: Buffer.from(secrets.signingKey, 'base64'),
  })
}
