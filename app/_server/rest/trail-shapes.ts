// Shapes of trail routes that are components of the OpenAPI document.
import { Page } from '../../shapes'
import { CheckpointShape, TrailEntry, TrailEntryWhole, TrailList } from '../../trail/shapes'

export const TRAIL_NAMED = {
  Checkpoint: CheckpointShape,
  CheckpointPage: Page(CheckpointShape),
  TrailEntry,
  TrailEntryWhole,
  TrailPage: TrailList,
} as const
