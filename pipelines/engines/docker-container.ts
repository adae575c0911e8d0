import { posix } from 'node:path'
import type { CacheMount } from './docker-cache'
import { containerName, labelsOf } from './docker-labels'
import type { Limits, StepOrder } from './engine'

export const WORKSPACE = '/workspace'
/** Where the script leaves the number of the command that failed. Only a name in a message hangs on it. */
export const FAILED_MARK = '/tmp/.shiplock-failed'
/** Where it leaves how often the kernel refused one more process, which is told nowhere once the container has ended. */
export const REFUSED_MARK = '/tmp/.shiplock-refused'

/**
 * The commands are its arguments: no text of theirs is ever part of a script. The trap lets a running command end in its
 * own time after SIGTERM (the shell would die at once, and its PID namespace with it); a step that was told to stop
 * never succeeds, whatever its commands return. At the end it starts no process: there may be none left to have.
 */
export const SCRIPT = `stopped=
trap 'stopped=1' TERM
number=0
note() {
  for events in /sys/fs/cgroup/pids/pids.events /sys/fs/cgroup/pids.events; do
    if [ ! -r "$events" ]; then continue; fi
    read -r word refused <"$events"
    if [ "$refused" != 0 ]; then echo "$refused" 2>/dev/null >${REFUSED_MARK}; fi
  done
}
for command do
  number=$((number + 1))
  printf '$ %s\\n' "$command"
  /bin/sh -c -- "$command"
  code=$?
  if [ -n "$stopped" ]; then exit 143; fi
  if [ "$code" -ne 0 ]; then
    echo "$number" 2>/dev/null >${FAILED_MARK}
    note
    exit "$code"
  fi
done
note`

export interface ContainerSpec {
  name: string
  body: {
    Image: string
    Env: string[]
    Labels: Record<string, string>
    HostConfig: Record<string, unknown>
    [option: string]: unknown
  }
}

/** What the engine is asked to create. Pure; `cpus` is what the engine's machine has, for it refuses to promise more. */
export function containerSpec(
  order: StepOrder,
  image: string,
  network: string,
  cpus: number,
  caches: readonly CacheMount[] = [],
): ContainerSpec {
  const workdir = order.files ? posix.resolve(WORKSPACE, order.workdir ?? '.') : order.workdir
  return {
    name: containerName(order.label),
    body: {
      Image: image,
      Entrypoint: ['/bin/sh', '-c', SCRIPT, 'sh'],
      Cmd: [...order.run],
      // The last one makes docker-init pass SIGTERM to the whole group, so that the command hears it, not only the script.
      Env: [...asEnv(order.env), 'TINI_KILL_PROCESS_GROUP=1'],
      ...(workdir === undefined ? {} : { WorkingDir: workdir }),
      Labels: labelsOf(order.label, 'step'),
      Tty: false,
      OpenStdin: false,
      StopSignal: 'SIGTERM',
      Healthcheck: { Test: ['NONE'] },
      HostConfig: {
        ...confined(order.limits, cpus, [{ Name: 'nofile', Soft: 4096, Hard: 4096 }]),
        CapAdd: [],
        NetworkMode: network,
        Mounts: caches.map(({ volume, path, labels }) => ({
          Type: 'volume',
          Source: volume,
          Target: path,
          // What the image has there is not copied in: a cache holds what steps put there, whoever was first.
          VolumeOptions: { NoCopy: true, Labels: labels },
        })),
        // Output is read by attach, from before the start; nothing of it is written to the host's disk.
        LogConfig: { Type: 'none', Config: {} },
      },
    },
  }
}

export const asEnv = (env: Record<string, string>) => Object.entries(env).map(([name, value]) => `${name}=${value}`)

/** What holds for steps and for the services beside them. Capabilities, networks and logs are each one's own. */
export const confined = (limits: Limits, cpus: number, ulimits: readonly object[]): Record<string, unknown> => ({
  Init: true,
  Privileged: false,
  CapDrop: ['ALL'],
  SecurityOpt: ['no-new-privileges'],
  PidsLimit: limits.pids,
  Memory: limits.memoryBytes,
  MemorySwap: limits.memoryBytes, // equal: no swap
  NanoCpus: Math.round(Math.min(limits.cpus, cpus) * 1e9),
  Ulimits: [
    ...ulimits,
    { Name: 'core', Soft: 0, Hard: 0 },
    { Name: 'fsize', Soft: limits.diskBytes, Hard: limits.diskBytes },
  ],
  OomScoreAdj: 500, // the machine's last resort takes a step before it takes the engine or the database
  Binds: [],
  RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
  AutoRemove: false, // the exit must be readable after the end
})

/** A command as a message shows it: its first line, at most 80 characters. */
export function shortCommand(command: string): string {
  const line = (command.trim().split('\n')[0] ?? '').slice(0, 80)
  return line === command.trim() ? `\`${line}\`` : `\`${line}…\``
}
