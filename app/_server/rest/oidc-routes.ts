// Signing in with the forge.
import type { RestRoute } from './route'

export const OIDC: RestRoute[] = []
