import { type Suite, suite } from '../case.ts'

export const session: Suite = suite('session', [])
