import { type Suite, suite } from '../case.ts'

export const websocket: Suite = suite('websocket', [])
