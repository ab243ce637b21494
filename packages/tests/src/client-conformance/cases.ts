import { authenticationCases } from './authentication.ts'
import type { ClientCase } from './case.ts'
import { connectCases } from './connect.ts'
import { hostileCases } from './hostile.ts'
import { lifetimeCases } from './lifetime.ts'
import { limitCases } from './limits.ts'
import { receiveCases } from './receive.ts'
import { resendCases } from './resend.ts'
import { sendCases } from './send.ts'
import { subscribeCases } from './subscribe.ts'
import { webSocketCases } from './websocket.ts'

/** Every case against a client. */
export const clientCases: readonly ClientCase[] = [
  ...[...connectCases, ...sendCases, ...resendCases, ...receiveCases],
  ...[...subscribeCases, ...limitCases, ...lifetimeCases, ...hostileCases],
  ...[...authenticationCases, ...webSocketCases],
]
