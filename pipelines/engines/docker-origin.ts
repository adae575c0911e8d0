import { mayUse, type Origin, TRUST_CLASSES, type TrustClass } from '../trust'
import type { WorkLabel } from './engine'

const isTrustClass = (text: string | undefined): text is TrustClass => TRUST_CLASSES.includes(text as TrustClass)

/** Where an image comes from, by its labels; null: it is none of Shiplock's, and as public as its name. */
function originOf(labels: Record<string, string>): (Omit<Origin, 'trust'> & { trust: TrustClass | null }) | null {
  if (!Object.keys(labels).some((name) => OURS.includes(name))) return null
  const trust = labels['shiplock.trust']
  return {
    instance: labels['shiplock.instance'] ?? '',
    project: Number(labels['shiplock.project']),
    trust: isTrustClass(trust) ? trust : null,
  }
}

const OURS = ['shiplock.instance', 'shiplock.project', 'shiplock.trust', 'shiplock.run']

/**
 * Why work of this label may not use a stored image, or null. The one place that decides it, for steps, services, bases,
 * copies, mounts and builders; names lead to an image, its labels say whose it is. One from before classes were written on
 * images is of the lowest.
 * @param image.own the record names it as what the work's own run or release was built as: then one without a class is taken
 */
export function whyNotUsed(
  user: WorkLabel,
  image: { name: string; labels: Record<string, string>; own?: boolean },
): string | null {
  const made = originOf(image.labels)
  if (made === null) return null
  const known = { ...made, trust: made.trust ?? (image.own ? user.trust : 'fork') }
  if (mayUse(user, known)) return null
  const name = `the image ${image.name}`
  if (made.instance !== user.instance)
    return `${name} was built by another installation of Shiplock: only public images and those of this project may be used`
  if (made.project !== user.project)
    return `${name} was built for another project: only public images and those of this project may be used`
  return `${name} was built for ${madeBy(made.trust)}, and this is work of ${ARTICLE[user.trust]}: people who may push there would decide what is in it. Build it on this branch, or use a public image`
}

const ARTICLE: Record<TrustClass, string> = {
  fork: 'a fork',
  feature: 'a feature branch',
  develop: 'develop',
  release: 'a release, hotfix or production branch',
}

const madeBy = (trust: TrustClass | null) => (trust === null ? 'a branch that it does not name' : ARTICLE[trust])
