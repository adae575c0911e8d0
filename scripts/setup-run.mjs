// Runs a program with its output in a file, so that a set-up prints a line and a failure prints what matters.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Logs and the lock of the set-up; git does not look into it. */
export const workDir = fileURLToPath(new URL('../.shiplock', import.meta.url))

/**
 * Resolves with the whole output; rejects with its end. Nothing is asked: the standard input is closed.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ name: string, env?: NodeJS.ProcessEnv, timeoutMs: number }} options `name` of the file that keeps the output
 * @returns {Promise<string>}
 */
export function runLogged(program, args, { name, env = process.env, timeoutMs }) {
  fs.mkdirSync(workDir, { recursive: true })
  const log = path.join(workDir, `${name}.log`)
  const out = fs.openSync(log, 'w')
  const child = spawn(program, args, {
    cwd: path.dirname(workDir),
    env,
    stdio: ['ignore', out, out],
    timeout: timeoutMs,
  })
  return new Promise((resolve, reject) => {
    const fail = (why) =>
      reject(
        new Error(
          `${why}\n${fs.readFileSync(log, 'utf8').trimEnd().split('\n').slice(-25).join('\n')}\n(all of it: ${log})`,
        ),
      )
    child.once('error', (error) => fail(`${program} could not be run: ${error.message}`))
    child.once('close', (code, signal) => {
      fs.closeSync(out)
      if (code === 0) resolve(fs.readFileSync(log, 'utf8'))
      else
        fail(
          `${path.basename(program)} ${args.slice(0, 2).join(' ')} ended with ${signal ? `${signal} (limit ${timeoutMs / 1000} s)` : `code ${code}`}`,
        )
    })
  })
}
