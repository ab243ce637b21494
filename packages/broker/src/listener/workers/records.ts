import type { PeerCertificate } from '../../access/authenticator.ts'

/** What a worker tells the core of the connection in a slot. */
export const Report = {
  /** Somebody is there who has to go through something before MQTT: a `Knock`. */
  knock: 1,
  /** Who knocked has gone. */
  left: 2,
  /** MQTT may begin: an `Opened`. */
  open: 3,
  data: 4,
  /** Everything that was sent before the question has been taken by the system. */
  taken: 5,
  /** What had come before the order to hear has been reported. */
  heard: 6,
  /** The last report of a connection. */
  closed: 7,
} as const

/** What the core tells a worker to do with the connection in a slot. */
export const Order = {
  /** Who knocked may come in. */
  welcome: 1,
  refuse: 2,
  data: 3,
  /** To report `taken` when everything before has been taken. */
  ask: 4,
  /** To report `heard` behind what has come. */
  hear: 5,
  pause: 6,
  resume: 7,
  end: 8,
  /** The same when the peer has said its last word. */
  endHeard: 9,
  destroy: 10,
  /** Nothing more will be said of this connection: the slot is free for another one. */
  release: 11,
} as const

/** Which listener it came to, its address, whether it would be costly. */
export type Knock = readonly [listener: number, address: string, isCostly: boolean]

export type Opened = readonly [
  listener: number,
  address: string,
  certificate: PeerCertificate | undefined,
]

export function writeFields(fields: Knock | Opened): Uint8Array {
  return Buffer.from(JSON.stringify(fields))
}

/** What `writeFields` wrote; what was undefined is null there. */
export function readFields<T extends Knock | Opened>(bytes: Uint8Array): T {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()) as T
}
