// One's own sessions, and those of an account.
import type { RestRoute } from './route'

export const SESSIONS: RestRoute[] = []
