// Every kind of forge that the contract is held to. A new driver is a line here.
import type { GivenForge } from './given-forge'
import { givenGithub } from './given-github'
import { givenGitlab } from './given-gitlab'

export const GIVEN_FORGES: readonly GivenForge[] = [givenGitlab, givenGithub]
