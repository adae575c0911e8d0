import { type DockerOptions, dockerApi } from './docker-api'
import { baseDigests } from './docker-base'
import { pruneBaseTags } from './docker-base-tags'
import { buildImage } from './docker-build'
import { pruneMounts } from './docker-build-caches'
import { limitsWorld } from './docker-build-limits'
import { builderOf } from './docker-builder'
import { pruneCaches, removeCaches } from './docker-cache'
import { sweepBuildGroups } from './docker-cgroups'
import { findImage, tagImage } from './docker-image'
import { stepNetworks } from './docker-network'
import { runStep } from './docker-step'
import { findWork, removeAllOf, removeImages, removeInstance, removeOne } from './docker-sweep'
import type { Engine } from './engine'

const READY_MS = 10_000

/**
 * A Docker engine, 20.10 or later, as engine.ts describes. Without options it is the one that DOCKER_HOST names.
 * @param mustLimit nothing is built where the limits of a build cannot be put in force; else that is said on the stage
 */
export function dockerEngine(options: DockerOptions = {}, mustLimit = false): Engine {
  const api = dockerApi(options)
  const networks = stepNetworks(api)
  const baseDigest = baseDigests(api)
  const builder = builderOf(api)
  const limits = limitsWorld(api)
  let info: Promise<{ NCPU: number; DockerRootDir?: string }> | null = null
  const about = () => {
    info ??= api.json({ method: 'GET', path: '/info', deadlineMs: READY_MS })
    info.catch(() => {
      info = null
    })
    return info
  }
  const cpus = async () => (await about()).NCPU
  return {
    async root() {
      return /^(unix:\/\/)?\//.test(api.where) ? ((await about()).DockerRootDir ?? null) : null
    },
    async ensureReady() {
      const { Version } = await api.json<{ Version: string }>({ method: 'GET', path: '/version', deadlineMs: READY_MS })
      await cpus()
      return { version: Version }
    },
    async image(reference) {
      const found = await findImage(api, reference)
      return found && { digest: found.digest, labels: found.labels, bytes: found.bytes }
    },
    builder,
    baseDigest,
    tag: (digest, name) => tagImage(api, digest, name),
    build: (order, log, signal) => buildImage({ api, builder, limits, mustLimit }, order, log, signal),
    run: (order, log, signal) => runStep({ api, networks, cpus }, order, log, signal),
    async cleanUp({ instance, run, stage, upToEpoch = Number.POSITIVE_INFINITY }) {
      const found = await findWork(api, instance, run, stage)
      await removeAllOf(
        api,
        found.filter(({ epoch }) => epoch <= upToEpoch),
      )
    },
    async pruneCaches(instance, limits) {
      await pruneBaseTags(api, instance, limits.unusedMs)
      return (await pruneMounts(api, instance, limits)) + (await pruneCaches(api, instance, limits))
    },
    async list(instance) {
      const found = await findWork(api, instance)
      return found.map(({ id, run, stage, epoch }) => ({ id, run, stage, epoch }))
    },
    remove: (id) => removeOne(api, id),
    async sweepBuilds(instance) {
      const world = await limits()
      return 'because' in world ? 0 : sweepBuildGroups(world.version, instance)
    },
    async removeAll(instance) {
      networks.forget(instance)
      await removeInstance(api, instance)
      await removeCaches(api, instance)
      await pruneMounts(api, instance, { unusedMs: 0, mostBytes: 0 })
      await removeImages(api, instance)
      await pruneBaseTags(api, instance, 0)
    },
  }
}
