// The way of a few releases through three environments: what was signed, refused, rolled back, and what waits.

/** The forge's id of a person of operations who pushed a hotfix. */
export const OTTO = '42'

export interface FlowRun {
  kind: string
  branch: string
  title: string
  pusher: string
  pusherId?: string
  hoursAgo: number
  /** The run of which it takes the release over. */
  adopts?: string
}

export interface FlowPromotion {
  kind: string
  /** The run it is for; its release is what is promoted. */
  run: string
  environment: 'prerelease' | 'production'
  hoursAgo: number
  status: string
  because?: string
  how?: 'onward' | 'by-hand' | 'rollback' | 'put-back'
  by?: string
  reason?: string
  insteadOf?: string
  signed?: { by: string; comment: string }
  /** Stages that ran against the environment, with what came of each. */
  verification?: [name: string, status: string, because: string][]
}

export interface FlowStory {
  project: number
  service: string
  version: string
  runs: FlowRun[]
  promotions: FlowPromotion[]
}

const PASSED: FlowPromotion['verification'] = [
  ['functional', 'succeeded', ''],
  ['stress', 'succeeded', ''],
]
export const ROLLBACK_REASON = 'payments by card answer 500 since 2.4 went live'
export const REFUSED_REASON = 'the search loses products with an umlaut in their name'
export const FAILED_FUNCTIONAL = 'npm run test:functional exited 1: 3 of 41 tests failed'
export const ENGINE_AWAY = 'the Docker engine did not answer for 60 s (unix:///var/run/docker.sock)'

export const CHECKOUT: FlowStory = {
  project: 1,
  service: 'checkout',
  version: '2',
  runs: [
    { kind: '2.3', branch: 'release/2.3', title: 'Release 2.3', pusher: 'Maya Lindqvist', hoursAgo: 75 },
    {
      kind: '2.3 master',
      branch: 'master',
      title: "Merge branch 'release/2.3' into 'master'",
      pusher: 'Noor Haddad',
      hoursAgo: 73,
      adopts: '2.3',
    },
    {
      kind: '2.4',
      branch: 'release/2.4',
      title: 'Release 2.4: pay in instalments',
      pusher: 'Maya Lindqvist',
      hoursAgo: 29,
    },
    {
      kind: '2.4 master',
      branch: 'master',
      title: "Merge branch 'release/2.4' into 'master'",
      pusher: 'Noor Haddad',
      hoursAgo: 26,
      adopts: '2.4',
    },
    {
      kind: '2.4.1',
      branch: 'hotfix/2.4.1',
      title: 'Cards without a CVC are declined, not an error',
      pusher: 'Otto Brandt',
      pusherId: OTTO,
      hoursAgo: 4,
    },
    {
      kind: '2.4.1 master',
      branch: 'master',
      title: "Merge branch 'hotfix/2.4.1' into 'master'",
      pusher: 'Noor Haddad',
      hoursAgo: 2,
      adopts: '2.4.1',
    },
    { kind: '2.5', branch: 'release/2.5', title: 'Release 2.5: gift cards', pusher: 'Aisha Khan', hoursAgo: 1 },
  ],
  promotions: [
    {
      kind: '2.3 prerelease',
      run: '2.3',
      environment: 'prerelease',
      hoursAgo: 74.5,
      status: 'verified',
      verification: PASSED,
    },
    {
      kind: '2.3 production',
      run: '2.3 master',
      environment: 'production',
      hoursAgo: 72,
      status: 'verified',
      signed: { by: 'olga', comment: 'Seen in prerelease for a day.' },
    },
    {
      kind: '2.4 prerelease',
      run: '2.4',
      environment: 'prerelease',
      hoursAgo: 28.5,
      status: 'verified',
      verification: PASSED,
    },
    {
      kind: '2.4 production',
      run: '2.4 master',
      environment: 'production',
      hoursAgo: 25,
      status: 'verified',
      signed: { by: 'olga', comment: '' },
    },
    {
      kind: 'rollback',
      run: '2.3 master',
      environment: 'production',
      hoursAgo: 5,
      status: 'verified',
      how: 'rollback',
      by: 'olga',
      reason: ROLLBACK_REASON,
      insteadOf: '2.4 production',
      signed: { by: 'olga', comment: ROLLBACK_REASON },
    },
    {
      kind: '2.4.1 prerelease',
      run: '2.4.1',
      environment: 'prerelease',
      hoursAgo: 3.5,
      status: 'verified',
      verification: PASSED,
    },
    {
      kind: 'to sign',
      run: '2.4.1 master',
      environment: 'production',
      hoursAgo: 1.9,
      status: 'waiting',
      because: 'production is held by olga',
    },
    { kind: 'errored', run: '2.5', environment: 'prerelease', hoursAgo: 0.6, status: 'errored', because: ENGINE_AWAY },
  ],
}

export const CATALOGUE: FlowStory = {
  project: 2,
  service: 'catalogue-api',
  version: '1',
  runs: [
    { kind: '1.8', branch: 'release/1.8', title: 'Release 1.8', pusher: 'Li Wei', hoursAgo: 170 },
    {
      kind: '1.8 master',
      branch: 'master',
      title: "Merge branch 'release/1.8' into 'master'",
      pusher: 'Noor Haddad',
      hoursAgo: 168,
      adopts: '1.8',
    },
    { kind: '1.8.1', branch: 'hotfix/1.8.1', title: '修复价格为零的商品无法下架', pusher: '王芳', hoursAgo: 50 },
    {
      kind: '1.8.1 master',
      branch: 'master',
      title: "Merge branch 'hotfix/1.8.1' into 'master'",
      pusher: 'Noor Haddad',
      hoursAgo: 48,
      adopts: '1.8.1',
    },
    { kind: '1.9', branch: 'release/1.9', title: 'Release 1.9: new search index', pusher: 'Li Wei', hoursAgo: 20 },
    {
      kind: '1.10',
      branch: 'release/1.10',
      title: 'Release 1.10: search index, second try',
      pusher: 'Li Wei',
      hoursAgo: 0.8,
    },
    {
      kind: '1.10 master',
      branch: 'master',
      title: "Merge branch 'release/1.10' into 'master'",
      pusher: 'Noor Haddad',
      hoursAgo: 0.4,
      adopts: '1.10',
    },
  ],
  promotions: [
    {
      kind: '1.8 prerelease',
      run: '1.8',
      environment: 'prerelease',
      hoursAgo: 169,
      status: 'verified',
      verification: PASSED,
    },
    {
      kind: '1.8 production',
      run: '1.8 master',
      environment: 'production',
      hoursAgo: 166,
      status: 'verified',
      signed: { by: 'otto', comment: 'Friday noon, everybody is here.' },
    },
    {
      kind: '1.8.1 prerelease',
      run: '1.8.1',
      environment: 'prerelease',
      hoursAgo: 49.5,
      status: 'verified',
      verification: PASSED,
    },
    {
      kind: '1.8.1 production',
      run: '1.8.1 master',
      environment: 'production',
      hoursAgo: 47,
      status: 'verified',
      signed: { by: 'olga', comment: '' },
    },
    {
      kind: 'failed',
      run: '1.9',
      environment: 'prerelease',
      hoursAgo: 19.5,
      status: 'failed',
      because: `verification failed: ${FAILED_FUNCTIONAL}`,
      verification: [
        ['functional', 'failed', FAILED_FUNCTIONAL],
        ['stress', 'skipped', 'functional did not succeed'],
      ],
    },
    {
      kind: 'put back',
      run: '1.8.1',
      environment: 'prerelease',
      hoursAgo: 19.3,
      status: 'verified',
      how: 'put-back',
      by: 'Shiplock',
      reason: 'the verification of promotion before it failed',
      insteadOf: 'failed',
    },
    {
      kind: 'verifying',
      run: '1.10',
      environment: 'prerelease',
      hoursAgo: 0.3,
      status: 'verifying',
      verification: [
        ['functional', 'running', ''],
        ['stress', 'pending', ''],
      ],
    },
    {
      kind: 'many gates',
      run: '1.10 master',
      environment: 'production',
      hoursAgo: 0.2,
      status: 'waiting',
      how: 'by-hand',
      by: 'owen',
      reason: 'The shop asks for it before the weekend.',
    },
  ],
}
