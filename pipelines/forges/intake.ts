// What each forge's webhooks mean. Without any SDK: the web process imports this file, never index.ts.
import type { ForgeIntake } from './forge'
import { gitlabIntake } from './gitlab-webhook'

export const INTAKES: Record<string, ForgeIntake> = { gitlab: gitlabIntake }
