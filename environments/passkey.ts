import { machine, type Status } from '../pipelines/machine'

/** A passkey opens sessions as soon as it is proposed; it signs off once a worker has admitted it. */
export const PASSKEY = machine({
  proposed: { admit: 'admitted', refuse: 'refused', remove: 'removed' },
  refused: { propose: 'proposed', remove: 'removed' },
  admitted: { propose: 'proposed', remove: 'removed' },
  removed: {},
})
export type PasskeyStatus = Status<typeof PASSKEY>
