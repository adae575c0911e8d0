// Shiplock's REST as the demo uses it: what anybody with a token can do.
import type { EnvironmentShape, PageOf, ProjectShape, RunDetail, RunSummary } from '../app/shapes'

export class Client {
  constructor(
    readonly url: string,
    readonly token: string,
  ) {}

  /** Signs in with name and password, and makes a token for what follows. */
  static async signIn(url: string, name: string, password: string): Promise<Client> {
    const session = await fetch(`${url}/api/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: url },
      body: JSON.stringify({ name, password }),
      redirect: 'manual',
      signal: AbortSignal.timeout(10_000),
    })
    const cookie = session.headers.get('set-cookie')?.split(';')[0]
    if (!session.ok || cookie === undefined)
      throw new Error(`could not sign in: ${session.status} ${await session.text()}`)
    const made = await fetch(`${url}/api/v1/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: url, cookie },
      body: JSON.stringify({ name: 'demo' }),
      signal: AbortSignal.timeout(10_000),
    })
    if (!made.ok) throw new Error(`could not make a token: ${made.status} ${await made.text()}`)
    return new Client(url, ((await made.json()) as { token: string }).token)
  }

  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${(await answer.text()).slice(0, 1000)}`)
    return (await answer.json()) as T
  }

  connect = (request: { forge: 'gitlab'; forgeUrl: string; path: string; token: string }) =>
    this.ask<ProjectShape>('POST', '/projects', request)
  project = (id: number) => this.ask<ProjectShape>('GET', `/projects/${id}`)
  run = (id: number) => this.ask<RunDetail>('GET', `/runs/${id}`)
  runs = (query: Record<string, string>) => this.ask<PageOf<RunSummary>>('GET', `/runs?${new URLSearchParams(query)}`)
  environments = (name: string) => this.ask<PageOf<EnvironmentShape>>('GET', `/environments/${name}`)
}
