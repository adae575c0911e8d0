// Shiplock's REST as the demo uses it: what anybody with a token can do.
import { setTimeout as pause } from 'node:timers/promises'
import type { StatementMade } from '../app/approvals/shapes'
import type { MergeRequestDetail, MergeRequestShape } from '../app/merge-requests/shapes'
import type { PromotionDetail, PromotionItem } from '../app/promotions/shapes'
import type { ReleaseDetail, ReleaseItem } from '../app/releases/shapes'
import type {
  DeliveryShape,
  EnvironmentShape,
  LogPage,
  PageOf,
  ProjectShape,
  RunDetail,
  RunSummary,
} from '../app/shapes'
import { relyingParty } from '../audit/keys'
import type { Decision } from '../environments/statement'
import type { SoftPasskey } from './passkey'

/** How long the database may be away while the story is told. */
const MOMENT_MS = 2_000
const MOMENTS = 15

export class Client {
  /** What they sign with. */
  passkey?: SoftPasskey

  constructor(
    readonly url: string,
    readonly token: string,
  ) {}

  /** Signs in with name and password, and makes a token for what follows. */
  static async signIn(url: string, name: string, password: string): Promise<Client> {
    const cookie = await openSession(url, name, password)
    const made = await asPerson<{ token: string }>(url, cookie, '/tokens', {
      name: 'demo',
      scopes: ['read', 'change', 'approve', 'admin'],
    })
    return new Client(url, made.token)
  }

  /** Makes accounts, which an admin does in a session of their own: no token may. */
  static async makeAccounts(url: string, admin: { name: string; password: string }, wanted: readonly WantedAccount[]) {
    const cookie = await openSession(url, admin.name, admin.password)
    for (const account of wanted) await asPerson(url, cookie, '/accounts', account)
  }

  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.send(method, path, body)
    if (answer.status === 503 && method === 'GET') {
      // A question can be asked again; an order may have been carried out.
      for (let again = 0; again < MOMENTS; again++) {
        await pause(MOMENT_MS)
        const later = await this.send(method, path, body)
        if (later.status !== 503) return read<T>(method, path, later)
      }
    }
    return read<T>(method, path, answer)
  }

  private send(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    })
  }

  connect = (request: { forge: 'gitlab' | 'github'; forgeUrl: string; path: string; token: string }) =>
    this.ask<ProjectShape>('POST', '/projects', request)
  project = (id: number) => this.ask<ProjectShape>('GET', `/projects/${id}`)
  changeFlow = (id: number, settings: object) => this.ask<ProjectShape>('POST', `/projects/${id}/flow`, settings)
  run = (id: number) => this.ask<RunDetail>('GET', `/runs/${id}`)
  stageLog = (of: 'runs' | 'promotions', id: number, stage: string, after = '') =>
    this.ask<LogPage>('GET', `/${of}/${id}/stages/${stage}/log${after === '' ? '' : `?after=${after}`}`)
  runs = (query: Record<string, string>) => this.ask<PageOf<RunSummary>>('GET', `/runs?${new URLSearchParams(query)}`)
  allowRun = (id: number) => this.ask<RunDetail>('POST', `/runs/${id}/allow`, {})
  environments = (name: string) => this.ask<PageOf<EnvironmentShape>>('GET', `/environments/${name}`)
  hold = (environment: number, because: string) => this.ask('POST', `/environments/${environment}/hold`, { because })
  releaseHold = (environment: number) => this.ask('POST', `/environments/${environment}/release-hold`, {})
  rollback = (environment: number, release: number, reason: string) =>
    this.ask<PromotionDetail>('POST', `/environments/${environment}/rollback`, { release, reason })
  removeEnvironment = (environment: number, because: string) =>
    this.ask('POST', `/environments/${environment}/remove`, { because })
  promotions = (query: Record<string, string> = {}) =>
    this.ask<PageOf<PromotionItem>>('GET', `/promotions?${new URLSearchParams(query)}`)
  promotion = (id: number) => this.ask<PromotionDetail>('GET', `/promotions/${id}`)
  promote = (release: number, environment: number, reason = '') =>
    this.ask<PromotionDetail>('POST', '/promotions', { release, environment, ...(reason === '' ? {} : { reason }) })
  statement = (promotion: number, decision: Decision = 'approve', reason = '') =>
    this.ask<StatementMade>('POST', `/promotions/${promotion}/statement`, { decision, reason })
  /** Answers what was just seen: signed with their passkey, where they have one. */
  answer = (made: StatementMade) =>
    this.ask<Answered>('POST', '/approvals', {
      hash: made.hash,
      ...(this.passkey === undefined
        ? {}
        : {
            assertion: this.passkey.get({
              rpId: made.rpId,
              origin: relyingParty(this.url).webOrigin,
              challenge: made.challenge,
            }),
          }),
    })
  approve = async (promotion: number, comment = '') => this.answer(await this.statement(promotion, 'approve', comment))
  reject = async (promotion: number, reason: string) => this.answer(await this.statement(promotion, 'reject', reason))
  withdraw = (approval: number) => this.ask('POST', `/approvals/${approval}/withdraw`, {})
  cancelPromotion = (id: number, because: string) =>
    this.ask<PromotionDetail>('POST', `/promotions/${id}/cancel`, { because })
  retryPromotion = (id: number) => this.ask<PromotionDetail>('POST', `/promotions/${id}/retry`, {})
  releases = (query: Record<string, string> = {}) =>
    this.ask<PageOf<ReleaseItem>>('GET', `/releases?${new URLSearchParams(query)}`)
  release = (id: number) => this.ask<ReleaseDetail>('GET', `/releases/${id}`)
  refuse = (release: number, because: string) => this.ask('POST', `/releases/${release}/refuse`, { because })
  lift = (release: number) => this.ask('POST', `/releases/${release}/lift`, {})
  mergeRequests = (query: Record<string, string> = {}) =>
    this.ask<PageOf<MergeRequestShape>>('GET', `/merge-requests?${new URLSearchParams(query)}`)
  mergeRequest = (id: number) => this.ask<MergeRequestDetail>('GET', `/merge-requests/${id}`)
  approveRequest = (id: number, head: string) => this.ask('POST', `/merge-requests/${id}/approve`, { head })
  mergeRequestNow = (id: number, head: string) => this.ask('POST', `/merge-requests/${id}/merge`, { head })
  deliveries = (query: Record<string, string> = {}) =>
    this.ask<PageOf<DeliveryShape>>('GET', `/deliveries?${new URLSearchParams(query)}`)
  replay = (delivery: number) => this.ask('POST', `/deliveries/${delivery}/replay`, {})
}

/** @throws with what Shiplock says, in its own words where it has any */
async function read<T>(method: string, path: string, answer: Response): Promise<T> {
  if (answer.ok) return (answer.status === 204 ? undefined : await answer.json()) as T
  const text = await answer.text()
  throw new Error(`Shiplock refused ${method} ${path} (${answer.status}): ${wordsOf(text) ?? text.slice(0, 1000)}`)
}

function wordsOf(text: string): string | null {
  try {
    return (JSON.parse(text) as { error?: { message?: string } }).error?.message ?? null
  } catch {
    return null // a proxy's page, or half an answer
  }
}

interface Answered {
  approval: number
  promotion: number | null
  policyChange: number | null
}

export interface WantedAccount {
  name: string
  role: string
  password: string
  forgeUserId?: string
}

export async function openSession(url: string, name: string, password: string): Promise<string> {
  const answer = await fetch(`${url}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: url },
    body: JSON.stringify({ name, password }),
    redirect: 'manual',
    signal: AbortSignal.timeout(10_000),
  })
  const cookie = answer.headers.get('set-cookie')?.split(';')[0]
  if (!answer.ok || cookie === undefined) throw new Error(`could not sign in: ${answer.status} ${await answer.text()}`)
  return cookie
}

export async function asPerson<T>(url: string, cookie: string, path: string, body: object): Promise<T> {
  const answer = await fetch(`${url}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: url, cookie },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  })
  if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as T
}
