// Shapes of test routes that are components of the OpenAPI document.
export const TESTS_NAMED = {} as const
