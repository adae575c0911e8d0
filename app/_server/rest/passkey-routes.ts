// Passkeys: enrolling, vouching, removing, and signing in with one.
import type { RestRoute } from './route'

export const PASSKEYS: RestRoute[] = []
