import { type Suite, suite } from '../case.ts'

export const topics: Suite = suite('topics', [])
