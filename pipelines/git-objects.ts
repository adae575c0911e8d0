// Git's own formats: what a commit and a tree object say. Bytes of strangers; whatever is odd is read as absent.
// https://git-scm.com/book/en/v2/Git-Internals-Git-Objects

import { Fault } from './fault'
import { firstLine } from './title'

export interface TreeEntry {
  /** Bytes, because git knows no encoding of names. */
  name: Buffer
  kind: 'file' | 'folder' | 'link' | 'submodule'
  id: string
}

/** git writes folders as 40000; old tools wrote 040000. A mode that git does not know is a link: never read. */
const KINDS: Readonly<Record<string, TreeEntry['kind']>> = {
  '100644': 'file',
  '100755': 'file',
  '100664': 'file',
  '40000': 'folder',
  '040000': 'folder',
  '120000': 'link',
  '160000': 'submodule',
}

/** `<mode> <name>\0<hash>`, without separators. `hashLength`: hex digits of the repository's hashes. */
export function readTree(bytes: Buffer, hashLength: number): TreeEntry[] {
  const entries: TreeEntry[] = []
  let at = 0
  while (at < bytes.length) {
    const space = bytes.indexOf(0x20, at)
    const end = space < 0 ? -1 : bytes.indexOf(0, space)
    const next = end + 1 + hashLength / 2
    if (end < 0 || next > bytes.length) throw new Fault('git.failed', 'a folder of the repository is damaged')
    const kind = KINDS[bytes.toString('latin1', at, space)] ?? 'link'
    entries.push({ name: bytes.subarray(space + 1, end), kind, id: bytes.toString('hex', end + 1, next) })
    at = next
  }
  return entries
}

/** The message is in the encoding its header names (UTF-8 where it names none): old tools in Asia wrote GBK or Shift_JIS. */
function decode(message: Buffer, encoding: string): string {
  try {
    return new TextDecoder(encoding).decode(message)
  } catch {
    return message.toString('latin1') // an encoding that Node does not know: a wrong letter is better than no title
  }
}

export function readCommit(bytes: Buffer): { tree: string; title: string } {
  const gap = bytes.indexOf('\n\n')
  const headers = bytes.toString('latin1', 0, gap < 0 ? bytes.length : gap)
  const tree = /^tree ([0-9a-f]{40,64})$/m.exec(headers)?.[1]
  if (tree === undefined) throw new Fault('git.failed', 'the commit names no tree')
  const encoding = /^encoding (.{1,40})$/m.exec(headers)?.[1] ?? 'utf-8'
  // A title needs no more than the message's beginning.
  const message = gap < 0 ? Buffer.alloc(0) : bytes.subarray(gap + 2, gap + 2 + 8192)
  return { tree, title: firstLine(decode(message, encoding)) }
}
