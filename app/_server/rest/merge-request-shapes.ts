// Shapes of merge request routes that are components of the OpenAPI document.
export const MERGE_REQUESTS_NAMED = {} as const
