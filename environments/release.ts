// A release: an image frozen for promotion. Names and keys; pure.

/** `V1.0_202611211304`, in UTC; a second release of the same version within the minute gets `.2`. */
export function releaseTag(version: string, at: Date, ordinal = 1): string {
  const stamp = at.toISOString().slice(0, 16).replace(/[-T:]/g, '')
  return `V${version}_${stamp}${ordinal > 1 ? `.${ordinal}` : ''}`
}
