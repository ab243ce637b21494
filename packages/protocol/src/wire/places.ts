// Where a property may stand: the packets, and the Will inside CONNECT, as bits. `ack` is each of the six
// acknowledgements.

export const connect = 0x001
export const will = 0x002
export const connack = 0x004
export const publish = 0x008
export const ack = 0x010
export const subscribe = 0x020
export const unsubscribe = 0x040
export const disconnect = 0x080
export const auth = 0x100
/** What carries an Application Message. */
export const message = publish | will
export const everywhere = 0x1ff
