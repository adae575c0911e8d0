// Every forge that Shiplock talks to. A new one is a line here, a line in intake.ts, and the contract suite.
import type { ForgeFactory } from './forge'
import { github } from './github'
import { gitlab } from './gitlab'

export const FORGES: Record<string, ForgeFactory> = { gitlab, github }
