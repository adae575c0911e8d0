// Shapes of export routes that are components of the OpenAPI document.
import { Dossier } from '../../releases/dossier-shapes'

export const EXPORTS_NAMED = { Dossier } as const
