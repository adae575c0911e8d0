import { randomUUID } from 'node:crypto'

/**
 * How the containers of one build are told from those of another. BuildKit gives them no name, but puts the request's proxy
 * settings into their environment and leaves them out of what it knows a layer by. A host that does not exist, on the list
 * of those that are reached without a proxy, changes nothing for a command; where the build has such a list itself, it is
 * the proxy of a protocol that is no longer spoken.
 */
export function buildMark(
  instance: string,
  texts: readonly string[],
): { mark: string; buildargs: Record<string, string> } {
  const mark = `${prefixOf(instance)}${randomUUID()}.invalid`
  const isTaken = texts.some((text) => /no_proxy/i.test(text))
  return {
    mark,
    buildargs: isTaken
      ? { FTP_PROXY: `ftp://${mark}`, ftp_proxy: `ftp://${mark}` }
      : { NO_PROXY: mark, no_proxy: mark },
  }
}

const prefixOf = (instance: string) => `shiplock-${instance.toLowerCase().replace(/[^a-z0-9]/g, '-')}-`

/** A build's control group is named by its mark. */
export const isGroupOf = (instance: string, name: string): boolean =>
  name.startsWith(prefixOf(instance)) &&
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.invalid$/.test(name.slice(prefixOf(instance).length))
