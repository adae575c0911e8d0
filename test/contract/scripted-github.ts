// A GitHub that answers call by call as a test says, for what no stand-in gives: odd reviews, renamed repositories, limits.
import { github } from '../../pipelines/forges/github'
import { type Answer, json, scripted, TOKEN } from './scripted-gitlab'

export const A = 'a'.repeat(40)
export const B = 'b'.repeat(40)
export const REPOSITORY = {
  id: 7,
  name: 'hello',
  full_name: 'team/hello',
  html_url: 'https://github.test/team/hello',
  clone_url: 'https://github.test/team/hello.git',
  default_branch: 'master',
  permissions: { admin: true, maintain: true, push: true },
  allow_merge_commit: true,
  allow_squash_merge: true,
  allow_rebase_merge: true,
}
export const PULL = {
  number: 3,
  title: 'Greet',
  state: 'open',
  draft: false,
  html_url: 'https://github.test/team/hello/pull/3',
  user: { id: 21, login: 'mei' },
  head: { ref: 'feature/greet', sha: B, repo: { id: 7, full_name: 'team/hello' } },
  base: { ref: 'develop', sha: A, repo: { id: 7, full_name: 'team/hello' } },
  merged: false,
  merged_by: null,
  merge_commit_sha: A,
  mergeable: true,
  mergeable_state: 'clean',
}

/** Answers by `METHOD /path` below the API; a list is answered in turn, its last for ever. The repository is there. */
export function answering(table: Record<string, Answer | Answer[]>): void {
  const known: Record<string, Answer | Answer[]> = {
    'GET /repos/team/hello': json(200, REPOSITORY),
    'GET /repos/team/hello/pulls/3': json(200, PULL),
    'GET /repos/team/hello/pulls/3/reviews': json(200, []),
    'GET /user': json(200, { id: 1, login: 'bot' }),
    ...table,
  }
  scripted.answer = (request, response) => {
    const answer = known[callOf(request)] ?? json(404, { message: 'Not Found', status: '404' })
    const next = Array.isArray(answer) ? (answer.length > 1 ? answer.shift() : answer[0]) : answer
    next?.(request, response)
  }
}

const callOf = ({ method, path }: { method: string; path: string }) =>
  `${method} ${path.split('?')[0]?.replace('/api/v3', '')}`

/** What was asked, but for the repository itself. */
export const calls = (): string[] => scripted.asked.map(callOf).filter((call) => call !== 'GET /repos/team/hello')

export const forge = (deadlineMs = 5_000) => github({ url: scripted.url, token: TOKEN, path: 'team/hello', deadlineMs })
