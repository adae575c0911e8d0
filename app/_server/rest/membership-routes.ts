// Roles in projects and environments.
import type { RestRoute } from './route'

export const MEMBERSHIPS: RestRoute[] = []
