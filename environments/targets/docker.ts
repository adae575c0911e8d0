import type { z } from 'zod'
import { applyDeployment } from './docker-apply'
import { ask, connect } from './docker-engine'
import { whyLacking } from './docker-lacks'
import { observeService } from './docker-observe'
import { removeEverything } from './docker-remove'
import { retireOld, withdrawNew } from './docker-retire'
import { DockerSettings } from './docker-settings'
import type { Target } from './target'

/** An engine that is there answers a ping at once (ms). */
const PING_DEADLINE = 5_000

/**
 * One Docker engine as a target. Connects with the first request. Which containers serve, and what a crash may leave:
 * docker-replica.ts.
 */
export function dockerTarget(input: z.input<typeof DockerSettings>): Target {
  const settings = DockerSettings.parse(input)
  const docker = connect(settings)
  const { address } = settings
  return {
    ensureReady: async () => {
      await ask('answer a ping', docker.ping(), PING_DEADLINE)
    },
    lacks: (digest) => whyLacking(docker, digest),
    apply: (deployment, log, signal) => applyDeployment({ docker, address }, deployment, log, signal),
    observe: (where) => observeService(docker, address, where),
    retire: (where, serving) => retireOld(docker, where, serving),
    withdraw: (where, made) => withdrawNew(docker, where, made),
    removeAll: (instance) => removeEverything(docker, instance),
  }
}
