import { type Suite, suite } from '../case.ts'

export const authentication: Suite = suite('authentication', [])
