// Whether the target holds the image of a promotion, as a worker was told when it last asked. Pure.

/** `unasked`: the target was not asked for this image yet. `lacking` null: the target holds it. */
export type ImageThere = 'unasked' | { lacking: string | null }

/** What a worker keeps with a promotion. An answer about another image is none: the release was built anew since. */
export interface ImageAsked {
  digest: string | null
  imageAsked: string | null
  imageBecause: string
}

export const imageThere = ({ digest, imageAsked, imageBecause }: ImageAsked): ImageThere =>
  imageAsked === null || imageAsked !== digest ? 'unasked' : { lacking: imageBecause === '' ? null : imageBecause }

/** What can be done about it, in the words of the gate. */
export const whyNoImage = (environment: string, tag: string, because: string) =>
  `${environment} cannot run ${tag}: ${because}. Load the image there again (docker save, docker load) and ask again; or push its commit on a new release or hotfix branch, so that it is built and verified anew`

/** Why it cannot be answered yet, or at all; null: the target holds the image. */
export function whyNotOffered(environment: string, tag: string, there: ImageThere): string | null {
  if (there === 'unasked') return 'the target is being asked whether it holds the image: look again in a moment'
  return there.lacking === null ? null : whyNoImage(environment, tag, there.lacking)
}
