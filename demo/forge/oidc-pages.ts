// What a person sees of the demo forge's OpenID provider: plain forms, no script.
import { escaped, frame } from './page'
import type { User } from './people'

const STYLE =
  '<style>form{display:grid;gap:.7rem;max-width:22rem;margin:1rem 0}input,button{font:inherit;padding:.5rem .7rem}</style>'

const hidden = (fields: Record<string, string>) =>
  Object.entries(fields)
    .map(([name, value]) => `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`)
    .join('')

/** Name and password, with what the client asked for carried along. */
export const signInPage = (asked: Record<string, string>, problem = '') =>
  frame(
    'Sign in',
    `${STYLE}<h1>Sign in</h1>${problem === '' ? '' : `<p role="alert" class="failed">${escaped(problem)}</p>`}
<form method="post" action="/oauth/authorize">${hidden(asked)}
<label for="username">Username</label><input id="username" name="username" required autocomplete="username">
<label for="password">Password</label><input id="password" name="password" type="password" required autocomplete="current-password">
<button type="submit">Sign in</button></form>`,
  )

/** May this client know who they are? */
export const consentPage = (ticket: string, user: User, redirectUri: string) =>
  frame(
    'Authorize',
    `${STYLE}<h1>Authorize Shiplock?</h1><p>You are signed in as <strong>${escaped(user.name)}</strong>. <code>${escaped(new URL(redirectUri).host)}</code> wants to know who you are.</p>
<form method="post" action="/oauth/consent">${hidden({ ticket })}
<button type="submit" name="answer" value="yes">Authorize</button><button type="submit" name="answer" value="no">Deny</button></form>`,
  )

export const refusalPage = (words: string) =>
  frame('An error has occurred', `<h1>An error has occurred</h1><p>${escaped(words)}</p>`)
