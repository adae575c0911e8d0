// Shapes of test routes that are components of the OpenAPI document.
import { ArtifactList, TestCaseShape, TestPage } from '../../runs/test-shapes'

export const TESTS_NAMED = { ArtifactList, TestCase: TestCaseShape, TestPage } as const
