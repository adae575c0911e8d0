import type { Applied, Deployment, MadeBy, Observation, Target, Where } from '../../environments/targets/target'

/** A target without an engine: what was applied last is what serves, and it is healthy. */
export function modelTarget(
  /** A verdict of its own, where it says no. */
  onApply: (deployment: Deployment, signal: AbortSignal) => Promise<unknown>,
  lacks: Target['lacks'] = async () => null,
  /** The health of each set that runs, whenever it is asked for; without it what was before is gone at once. */
  healthOf?: (set: MadeBy) => Observation['health'],
): Pick<Target, 'ensureReady' | 'lacks' | 'apply' | 'observe' | 'retire' | 'withdraw' | 'removeAll'> {
  const serving = new Map<string, (MadeBy & { digest: string })[]>()
  const at = (where: Where) => `${where.project} ${where.environment} ${where.service}`
  const setsAt = (where: Where) => serving.get(at(where)) ?? []
  return {
    ensureReady: async () => {},
    lacks,
    apply: async (deployment, _log, signal): Promise<Applied> => {
      const applied = (await onApply(deployment, signal)) as Applied | undefined
      if (applied?.ok === false) return applied
      if (signal.aborted) return { ok: false, because: 'stopped' }
      const { promotion, epoch, digest } = deployment
      const others = setsAt(deployment).filter((s) => s.promotion !== promotion || s.epoch !== epoch)
      serving.set(at(deployment), [...others, { promotion, epoch, digest }])
      return { ok: true, because: 'the model runs it' }
    },
    observe: async (where) => {
      const [now, before] = setsAt(where).toReversed()
      const set = now === undefined ? null : madeBy(now)
      const left = healthOf === undefined ? 0 : Math.max(0, setsAt(where).length - 1)
      const earlier =
        before === undefined || healthOf === undefined
          ? null
          : { made: madeBy(before), digest: before.digest, running: healthOf(before) !== 'unhealthy' }
      const seen = { starting: [], left, earlier, url: null, inside: null, replicas: [] }
      return now === undefined
        ? { ...seen, set, digest: null, health: 'absent', because: 'nothing runs here' }
        : { ...seen, set, digest: now.digest, ...inWords(healthOf?.(now) ?? 'healthy') }
    },
    retire: async (where) => {
      const sets = setsAt(where)
      if (healthOf !== undefined) serving.set(at(where), sets.slice(-1))
      return sets.length - 1
    },
    withdraw: async (where, { promotion, epoch }) => {
      serving.set(
        at(where),
        setsAt(where).filter((s) => s.promotion !== promotion || s.epoch !== epoch),
      )
      return 1
    },
    removeAll: async () => {},
  }
}

const madeBy = ({ promotion, epoch }: MadeBy): MadeBy => ({ promotion, epoch })
const inWords = (health: Observation['health']) => ({ health, because: `the model is ${health}` })
