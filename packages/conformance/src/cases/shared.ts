import { type Suite, suite } from '../case.ts'

export const shared: Suite = suite('shared', [])
