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
  const mark = `shiplock-${instance.toLowerCase().replace(/[^a-z0-9]/g, '-')}-${randomUUID()}.invalid`
  const isTaken = texts.some((text) => /no_proxy/i.test(text))
  return {
    mark,
    buildargs: isTaken
      ? { FTP_PROXY: `ftp://${mark}`, ftp_proxy: `ftp://${mark}` }
      : { NO_PROXY: mark, no_proxy: mark },
  }
}
