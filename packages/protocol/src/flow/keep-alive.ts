/**
 * How long a client may be silent, in milliseconds: one and a half times Keep Alive [MQTT5-3.1.2-22]
 * [MQTT3-3.1.2-24]; 0 is for ever.
 */
export function longestSilenceMs(keepAliveSeconds: number): number {
  return keepAliveSeconds * 1_500
}
