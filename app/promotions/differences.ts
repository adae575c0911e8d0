// What runs in an environment against what comes. Pure.
import { z } from 'zod'
import type { DifferenceShape } from './shapes'

/** Of a release's plan, what is compared; what cannot be read is not there. */
const Plan = z
  .object({
    deploy: z
      .object({ replicas: z.number().optional().catch(undefined), ports: z.array(z.string()).catch([]) })
      .catch({ ports: [] }),
    config: z
      .record(
        z.string(),
        z.object({ default: z.unknown().optional(), secret: z.boolean().catch(false).default(false) }),
      )
      .catch({}),
  })
  .catch({ deploy: { ports: [] }, config: {} })

export interface Side {
  commit: string
  digest: string
  version: string
  plan: unknown
}

type Row = Omit<DifferenceShape, 'changed'>

/**
 * Line by line, what is the same among it. A value that is secret is never told, only that there is one.
 * @param replicas of the environment's policy, which stands above what the release asks for
 */
export function differences(current: Side | null, incoming: Side, replicas: number | undefined): DifferenceShape[] {
  const [was, comes] = [current === null ? null : Plan.parse(current.plan), Plan.parse(incoming.plan)]
  const count = (plan: z.infer<typeof Plan> | null) => {
    const asked = replicas ?? plan?.deploy.replicas
    return plan === null || asked === undefined ? null : String(asked)
  }
  const rows: Row[] = [
    { what: 'version', name: '', current: current?.version ?? null, incoming: incoming.version },
    { what: 'commit', name: '', current: current?.commit ?? null, incoming: incoming.commit },
    { what: 'digest', name: '', current: current?.digest ?? null, incoming: incoming.digest },
    { what: 'replicas', name: '', current: count(was), incoming: count(comes) },
    { what: 'ports', name: '', current: listed(was?.deploy.ports), incoming: listed(comes.deploy.ports) },
    ...configuration(was?.config ?? {}, comes.config),
  ]
  return rows
    .filter((row) => row.current !== null || row.incoming !== null)
    .map((row) => ({ ...row, changed: row.current !== row.incoming }))
}

const listed = (ports: readonly string[] | undefined) =>
  ports === undefined || ports.length === 0 ? null : ports.join(', ')

type Config = z.infer<typeof Plan>['config']

/** Keys that differ: what is the same in both would be a long list that says nothing. */
function configuration(was: Config, comes: Config): Row[] {
  const keys = [...new Set([...Object.keys(was), ...Object.keys(comes)])].sort()
  return keys
    .map((name): Row => ({ what: 'configuration', name, current: told(was, name), incoming: told(comes, name) }))
    .filter((row) => row.current !== row.incoming)
}

function told(config: Config, name: string): string | null {
  if (!Object.hasOwn(config, name)) return null
  const { default: value, secret } = config[name] ?? {}
  if (secret) return '(secret)'
  return value === undefined ? '(no default)' : String(value).slice(0, 200)
}
