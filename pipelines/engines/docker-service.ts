import { asEnv, type ContainerSpec, confined } from './docker-container'
import { labelsOf, serviceContainerName } from './docker-labels'
import type { Limits, ServiceOrder, WorkLabel } from './engine'

/**
 * The official images of databases (postgres, mysql, mariadb, redis, mongo) start as root, give their data folder to a
 * user of their own (CHOWN) and step down to it (gosu: SETUID, SETGID). A service starts on an empty folder each time, so
 * root never has to look into what that user has closed to others: DAC_OVERRIDE and FOWNER, which they use for that, stay
 * away, as all else does. A port below 1024 takes no capability in a container.
 */
const CAPABILITIES = ['CHOWN', 'SETGID', 'SETUID']

/** What the engine is asked to create for a service. Pure. Each gets the step's limits for itself. */
export function serviceSpec(
  service: ServiceOrder,
  of: { label: WorkLabel; limits: Limits },
  image: string,
  network: string,
  cpus: number,
): ContainerSpec {
  return {
    name: serviceContainerName(of.label, service.name),
    body: {
      Image: image,
      ...(service.command ? { Cmd: [...service.command] } : {}),
      Env: asEnv(service.env),
      Labels: { ...labelsOf(of.label, 'service'), 'shiplock.service': service.name },
      Tty: false,
      OpenStdin: false,
      ...(service.healthcheck ? { Healthcheck: healthOf(service.healthcheck) } : {}),
      HostConfig: {
        ...confined(of.limits, cpus, []), // of open files a database needs as many as the engine itself may give
        CapAdd: CAPABILITIES,
        NetworkMode: network,
        // Read once, when the step has failed; then it goes with the container.
        LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '2' } },
      },
      NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [service.name] } } },
    },
  }
}

const NS = 1e6

/** The engine takes a test of Compose's forms, and nanoseconds; below a millisecond it takes no time at all. */
const healthOf = ({ test, interval, timeout, startPeriod, retries }: NonNullable<ServiceOrder['healthcheck']>) => ({
  Test: [...test],
  Interval: Math.max(1, interval) * NS,
  Timeout: Math.max(1, timeout) * NS,
  StartPeriod: startPeriod > 0 ? Math.max(1, startPeriod) * NS : 0,
  Retries: Math.max(1, retries),
})
