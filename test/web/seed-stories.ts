// What happened to sixty pushes, newest first.

export interface Story {
  kind: string
  service: string
  branch: string
  title: string
  pusher: string
  minutesAgo: number
  status: string
  because?: string
  /** The stage it stands at, or ended at. */
  stop?: string
  templated?: boolean
  problems?: { line: number | null; path: string; message: string }[]
  promotion?: { status: string; because: string; verdicts?: { gate: string; state: string; because: string }[] }
}

const deployed = { status: 'verified', because: '' }
export const WAITS_FOR = 'promotion #31 is being deployed to test; one at a time'
export const UNHEALTHY =
  'the new container did not become healthy within 30 s: GET /healthz answered 503; the one before goes on running'
const waiting = {
  status: 'waiting',
  because: WAITS_FOR,
  verdicts: [
    { gate: 'ceiling', state: 'open', because: 'a develop branch may go to test' },
    { gate: 'service file', state: 'open', because: 'there is a valid .shiplock.yaml' },
    { gate: 'configuration', state: 'open', because: 'nothing required is missing' },
    { gate: 'order', state: 'open', because: 'nothing newer is there' },
    { gate: 'environment free', state: 'waiting', because: WAITS_FOR },
  ],
}

export const FAILED_BECAUSE = 'npm run test:unit exited 1: 2 of 214 tests failed'

const TOLD: Story[] = [
  {
    kind: 'queued',
    service: 'catalogue-api',
    branch: 'feature/CAT-88-facets',
    title: 'Count facets in one query',
    pusher: 'Li Wei',
    minutesAgo: 1,
    status: 'queued',
  },
  {
    kind: 'running',
    service: 'checkout',
    branch: 'develop',
    title: 'Show delivery slots in the buyer’s time zone',
    pusher: 'Maya Lindqvist',
    minutesAgo: 3,
    status: 'running',
    stop: 'unit',
  },
  {
    kind: 'failed',
    service: 'checkout',
    branch: 'feature/SHOP-412-split-payments',
    title: 'Split a payment over two cards',
    pusher: 'Tomás Ferreira',
    minutesAgo: 9,
    status: 'failed',
    because: FAILED_BECAUSE,
    stop: 'unit',
  },
  {
    kind: 'waiting',
    service: 'checkout',
    branch: 'develop',
    title: 'Retry the tax service before giving up',
    pusher: 'Maya Lindqvist',
    minutesAgo: 14,
    status: 'succeeded',
    promotion: waiting,
  },
  {
    kind: 'deployed',
    service: 'checkout',
    branch: 'develop',
    title: 'Keep the basket when a session is renewed',
    pusher: 'Aisha Khan',
    minutesAgo: 43,
    status: 'succeeded',
    promotion: deployed,
  },
  {
    kind: 'unhealthy',
    service: 'catalogue-api',
    branch: 'develop',
    title: 'Move product images to the new bucket',
    pusher: 'Li Wei',
    minutesAgo: 61,
    status: 'succeeded',
    promotion: { status: 'failed', because: UNHEALTHY },
  },
  {
    kind: 'errored',
    service: 'catalogue-api',
    branch: 'develop',
    title: 'Index prices per region',
    pusher: 'Noor Haddad',
    minutesAgo: 75,
    status: 'errored',
    because: 'the Docker engine did not answer for 60 s (unix:///var/run/docker.sock)',
    stop: 'build',
  },
  {
    kind: 'refused',
    service: 'catalogue-api',
    branch: 'feature/CAT-91-vat',
    title: 'VAT by country of delivery',
    pusher: 'Noor Haddad',
    minutesAgo: 96,
    status: 'refused',
    because: '.shiplock.yaml has 2 problems',
    problems: [
      { line: 7, path: 'stages.unti', message: 'unknown stage "unti": did you mean "unit"?' },
      { line: 14, path: 'deploy.replicas', message: 'must be a whole number from 1 to 50, and is "two"' },
    ],
  },
  {
    kind: 'catalogue',
    service: 'catalogue-api',
    branch: 'develop',
    title: '商品搜索支持拼音首字母',
    pusher: '王芳',
    minutesAgo: 128,
    status: 'succeeded',
    promotion: deployed,
  },
  {
    kind: 'canceled',
    service: 'checkout',
    branch: 'develop',
    title: 'Try the new address form',
    pusher: 'Tomás Ferreira',
    minutesAgo: 150,
    status: 'canceled',
    because: 'canceled by ann',
    stop: 'api',
  },
  {
    kind: 'superseded',
    service: 'checkout',
    branch: 'feature/SHOP-398-gift-cards',
    title: 'Gift cards: rounding of the remaining amount',
    pusher: 'Aisha Khan',
    minutesAgo: 171,
    status: 'superseded',
    because: 'a newer push to feature/SHOP-398-gift-cards came before it began',
  },
  {
    kind: 'templated',
    service: 'catalogue-api',
    branch: 'feature/no-service-file',
    title: 'Begin again without a service file',
    pusher: 'Li Wei',
    minutesAgo: 190,
    status: 'succeeded',
    templated: true,
  },
]

const TITLES = [
  'Log the order number with every payment',
  'Upgrade to Node 22',
  'Fix the empty basket after a back button',
  'Round prices once, at the end',
  'Cache the category tree for a minute',
  'Add a health check that looks at the database',
  'Refuse coupons that have ended',
  'Let a buyer change the delivery address',
  'Send the receipt after the payment has settled',
  'Drop the old search index',
  'Translate the error pages',
  '订单导出支持按仓库筛选',
]
const PEOPLE = ['Maya Lindqvist', 'Li Wei', 'Aisha Khan', 'Tomás Ferreira', 'Noor Haddad', '王芳']

/** What went before: ordinary days. */
const BEFORE: Story[] = Array.from({ length: 48 }, (_, i) => {
  const failed = i % 9 === 4
  const develop = i % 3 !== 1
  return {
    kind: 'before',
    service: i % 2 === 0 ? 'checkout' : 'catalogue-api',
    branch: develop ? 'develop' : `feature/SHOP-${380 - i}`,
    title: TITLES[i % TITLES.length] ?? '',
    pusher: PEOPLE[(i * 5) % PEOPLE.length] ?? '',
    minutesAgo: 230 + i * 94,
    status: failed ? 'failed' : 'succeeded',
    ...(failed ? { because: 'npm run lint exited 1: 3 errors, 0 warnings', stop: 'static' } : {}),
    ...(develop && !failed ? { promotion: deployed } : {}),
  }
})

export const STORIES: readonly Story[] = [...TOLD, ...BEFORE]
