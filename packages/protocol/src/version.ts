/** The protocol level of CONNECT: 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0. */
export type ProtocolVersion = 3 | 4 | 5

/** At most once, at least once, exactly once. */
export type QoS = 0 | 1 | 2

/** Name and value; the same name may come several times and the order counts. */
export type UserProperty = readonly [name: string, value: string]
