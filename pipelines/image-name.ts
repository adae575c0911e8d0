// The names that images get in an engine's store. Pure.

/** Whose image it is. */
export interface ImageOwner {
  /** Of the installation: lower case, made when it was installed. */
  instance: string
  project: number
  /** As the service file has it: lower case letters, digits and hyphens. */
  service: string
}

/**
 * `shiplock-<instance>/p<project>/<service>:<tag>`: the installation and the project are part of the name, so that neither two
 * projects nor two installations of one engine, nor a service that is called like a public image, ever name the same.
 * A registry's address, where one is configured, comes before it.
 */
export const imageName = ({ instance, project, service }: ImageOwner, tag: string): string =>
  `shiplock-${instance}/p${project}/${service}:${tag}`
