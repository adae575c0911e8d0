// Shapes of stop routes that are components of the OpenAPI document.
import { InstallationShape } from '../../environments/stop-shapes'

export const STOPS_NAMED = { Installation: InstallationShape } as const
