// Shapes of people routes that are components of the OpenAPI document.
export const PEOPLE_NAMED = {} as const
