import type Docker from 'dockerode'
import { ask, saidNo } from './docker-engine'

/** An engine that is there says at once whether it holds an image (ms). */
const LOOK_DEADLINE = 5_000
/** A digest, and nothing shorter: the engine would also take a prefix, or a name that looks like one. */
const DIGEST = /^sha256:[0-9a-f]{64}$/

/** Why this engine cannot run an image; null: its store holds it. Throws target.unreachable where it does not answer. */
export async function whyLacking(docker: Docker, digest: string): Promise<string | null> {
  if (!DIGEST.test(digest)) return 'its release names no digest (sha256:…)'
  try {
    await ask('find the image', docker.getImage(digest).inspect(), LOOK_DEADLINE)
    return null
  } catch (error) {
    if (saidNo(error)?.status !== 404) throw error
    return `its engine's store does not hold the image ${digest}: it was removed, or built on another engine`
  }
}
