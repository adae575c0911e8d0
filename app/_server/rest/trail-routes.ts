// The audit trail, and its checkpoints.
import type { RestRoute } from './route'

export const TRAIL: RestRoute[] = []
