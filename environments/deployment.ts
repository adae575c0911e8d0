// What a target is given, made from what the record holds. Pure.
import type { ServiceFile } from '../pipelines/service-file'
import type { EnvironmentPolicy } from './environment'
import type { Deployment } from './targets/target'

/** For how long a new set is watched where the plan is older than `deploy.update.monitor`. */
const MONITOR_MS = 5_000

type Planned = Omit<ServiceFile['deploy'], 'update'> & { update?: { monitor?: number } }

export interface DeploymentRow {
  id: number
  epoch: number
  environmentId: number
  environment: string
  policy: EnvironmentPolicy
  releaseId: number
  projectId: number
  service: string
  digest: string
  commit: string
  version: string
  plan: { deploy: Planned; config: ServiceFile['config'] }
}

export function deploymentOf(row: DeploymentRow, instance: string): Deployment {
  const { deploy, config } = row.plan
  const { replicas, limits } = row.policy
  const defaults = Object.entries(config ?? {}).flatMap(([name, c]) =>
    c.default === undefined ? [] : [[name, String(c.default)] as const],
  )
  return {
    instance,
    project: row.projectId,
    environment: row.environment,
    service: row.service,
    release: row.releaseId,
    promotion: row.id,
    epoch: row.epoch,
    digest: row.digest,
    commit: row.commit,
    version: row.version,
    replicas: replicas ?? deploy.replicas,
    ports: deploy.ports,
    healthcheck: deploy.healthcheck,
    env: {
      ...Object.fromEntries(defaults),
      SHIPLOCK_SERVICE: row.service,
      SHIPLOCK_ENVIRONMENT: row.environment,
      SHIPLOCK_VERSION: row.version,
      SHIPLOCK_COMMIT: row.commit,
    },
    limits: {
      memoryBytes: limits?.memory ?? deploy.memoryBytes,
      cpus: limits?.cpus ?? deploy.cpus,
      pids: limits?.pids ?? 512,
    },
    monitor: deploy.update?.monitor ?? MONITOR_MS,
  }
}
