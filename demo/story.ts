// The demo's people at work: real git over HTTP against the demo forge.
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Person {
  username: string
  name: string
  password: string
}

/** One person's clone of a repository. */
export class Clone {
  private constructor(
    readonly dir: string,
    private readonly person: Person,
  ) {}

  static async of(url: string, dir: string, person: Person): Promise<Clone> {
    const clone = new Clone(dir, person)
    await clone.git(['clone', '--quiet', '--', url, dir], '/')
    return clone
  }

  /** Makes a branch from another, changes a file, commits and pushes. @returns the commit */
  async pushFeature(
    branch: string,
    from: string,
    change: { file: string; replace: string; by: string },
    message: string,
  ): Promise<string> {
    await this.git(['fetch', '--quiet', 'origin'])
    await this.git(['switch', '--quiet', '--create', branch, `origin/${from}`])
    const file = join(this.dir, change.file)
    const before = readFileSync(file, 'utf8')
    if (!before.includes(change.replace)) throw new Error(`${change.file} has no ${JSON.stringify(change.replace)}`)
    writeFileSync(file, before.replace(change.replace, change.by))
    await this.git(['commit', '--quiet', '--all', `--message=${message}`])
    return this.push(branch)
  }

  /** Writes files (null removes one), commits and pushes; the branch is made from `from` where it is not there. @returns the commit */
  async pushFiles(
    branch: string,
    from: string,
    files: Readonly<Record<string, string | null>>,
    message: string,
  ): Promise<string> {
    await this.git(['fetch', '--quiet', 'origin'])
    await this.git(['switch', '--quiet', '--force-create', branch, `origin/${from}`])
    for (const [name, text] of Object.entries(files)) {
      const file = join(this.dir, name)
      if (text === null) rmSync(file)
      else {
        mkdirSync(dirname(file), { recursive: true })
        writeFileSync(file, text)
      }
    }
    await this.git(['add', '--all'])
    await this.git(['commit', '--quiet', '--allow-empty', `--message=${message}`])
    return this.push(branch)
  }

  /** Makes a branch at the very commit of another, and pushes it. @returns the commit */
  async pushBranch(branch: string, from: string): Promise<string> {
    await this.git(['fetch', '--quiet', 'origin'])
    await this.git(['switch', '--quiet', '--create', branch, `origin/${from}`])
    return this.push(branch)
  }

  /** Any other git command, as this person. */
  command = (...args: string[]) => this.git(args)

  /** Merges a branch into another, as a project owner would, and pushes. @returns the merge commit */
  async mergeAndPush(branch: string, into: string): Promise<string> {
    await this.git(['fetch', '--quiet', 'origin'])
    await this.git(['switch', '--quiet', into])
    await this.git([
      'merge',
      '--quiet',
      '--no-ff',
      `--message=Merge branch '${branch}' into '${into}'`,
      `origin/${branch}`,
    ])
    return this.push(into)
  }

  private async push(branch: string): Promise<string> {
    await this.git(['push', '--quiet', 'origin', branch])
    return (await this.git(['rev-parse', 'HEAD'])).trim()
  }

  /** The password travels in the environment, never in an argument or an address. */
  private async git(args: string[], cwd = this.dir): Promise<string> {
    const { username, name, password } = this.person
    const { stdout } = await run('git', args, {
      cwd,
      timeout: 60_000,
      env: {
        NODE_ENV: 'production',
        PATH: process.env.PATH,
        HOME: '/nonexistent',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_TERMINAL_PROMPT: '0',
        GIT_AUTHOR_NAME: name,
        GIT_AUTHOR_EMAIL: `${username}@example.com`,
        GIT_COMMITTER_NAME: name,
        GIT_COMMITTER_EMAIL: `${username}@example.com`,
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'http.extraHeader',
        GIT_CONFIG_VALUE_0: `Authorization: Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
      },
    })
    return stdout
  }
}
