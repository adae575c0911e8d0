import { dockerTarget } from './docker'

/** The targets there are, by the `kind` in an environment's policy. */
export const TARGETS = { docker: dockerTarget }
