// Shapes of release routes that are components of the OpenAPI document.
export const RELEASES_NAMED = {} as const
