// What each forge's webhooks mean. Nothing here talks to a forge: the web process imports this file, never index.ts.
import type { ForgeIntake } from './forge'
import { githubIntake } from './github-webhook'
import { gitlabIntake } from './gitlab-webhook'

export const INTAKES: Record<string, ForgeIntake> = { gitlab: gitlabIntake, github: githubIntake }
