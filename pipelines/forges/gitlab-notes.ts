// The one note on a merge request at GitLab. https://docs.gitlab.com/api/notes/#merge-requests

import { MergeRequestNotes } from '@gitbeaker/rest'
import { z } from 'zod'
import type { Forge } from './forge'
import { type Asking, Id, orNull, read, tell } from './gitlab-verb'

const Note = z.object({ id: Id })

/**
 * A line that begins with /merge or /approve is an order to GitLab, and a note quotes what strangers wrote. A space without
 * width before the slash ends that, and shows neither in text nor in code.
 */
export const withoutOrders = (body: string) => body.replace(/^([ \t>]*)\/(?=\S)/gm, '$1\u200b/')

export function noteVerbs({ options, secrets }: Asking): Pick<Forge, 'writeNote'> {
  const notes = new MergeRequestNotes(options)
  return {
    writeNote: (projectId, iid, { id, body }) =>
      tell('role Reporter or higher in this project, to comment', secrets, async () => {
        const text = withoutOrders(body)
        const changed =
          id === null ? null : await orNull(/\bnote\b/i, notes.edit(projectId, iid, Number(id), { body: text }))
        const note = changed ?? (await notes.create(projectId, iid, text))
        return { id: BigInt(read(Note, note, `the note on !${iid}`).id) }
      }),
  }
}
