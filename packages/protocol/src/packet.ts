import type { Puback, Pubcomp, Pubrec, Pubrel } from './wire/packets/acks.ts'
import type { Auth } from './wire/packets/auth.ts'
import type { Connack } from './wire/packets/connack.ts'
import type { Connect } from './wire/packets/connect.ts'
import type { Disconnect } from './wire/packets/disconnect.ts'
import type { Pingreq, Pingresp } from './wire/packets/ping.ts'
import type { Publish } from './wire/packets/publish.ts'
import type { Suback, Subscribe } from './wire/packets/subscribe.ts'
import type { Unsuback, Unsubscribe } from './wire/packets/unsubscribe.ts'

/** The 15 control packets. */
export type Packet =
  | Connect
  | Connack
  | Publish
  | Puback
  | Pubrec
  | Pubrel
  | Pubcomp
  | Subscribe
  | Suback
  | Unsubscribe
  | Unsuback
  | Pingreq
  | Pingresp
  | Disconnect
  | Auth
