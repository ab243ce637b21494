import { type Suite, suite } from '../case.ts'
import { acknowledgementCases } from './flow-acknowledgements.ts'
import { handshakeCases } from './flow-handshake.ts'
import { hostileCases } from './flow-hostile.ts'
import { orderCases } from './flow-order.ts'
import { resumeCases } from './flow-resume.ts'
import { sizeCases } from './flow-sizes.ts'
import { windowCases } from './flow-window.ts'

export const flow: Suite = suite('flow', [
  ...handshakeCases,
  ...acknowledgementCases,
  ...sizeCases,
  ...resumeCases,
  ...orderCases,
  ...windowCases,
  ...hostileCases,
])
