// Policies of environments, their versions and proposed changes.
import type { RestRoute } from './route'

export const POLICIES: RestRoute[] = []
