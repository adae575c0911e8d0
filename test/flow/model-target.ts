import type { Applied, Deployment, MadeBy, Target, Where } from '../../environments/targets/target'

/** A target without an engine: what was applied last is what serves, and it is healthy. */
export function modelTarget(
  /** A verdict of its own, where it says no. */
  onApply: (deployment: Deployment, signal: AbortSignal) => Promise<unknown>,
  lacks: Target['lacks'] = async () => null,
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
      const now = setsAt(where).at(-1)
      const set = now === undefined ? null : { promotion: now.promotion, epoch: now.epoch }
      const seen = { starting: [], left: 0, url: null, inside: null, replicas: [] }
      return now === undefined
        ? { ...seen, set, digest: null, health: 'absent', because: 'nothing runs here' }
        : { ...seen, set, digest: now.digest, health: 'healthy', because: 'the model is healthy' }
    },
    retire: async () => 0,
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
