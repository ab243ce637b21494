import type { Config } from '@busbar/broker'

/** What a subscriber that does not read may make the broker hold, in bytes. */
export function readerCap({ limits, mqtt }: Config, messageBytes: number, qos: 0 | 1): number {
  const { messages, bytes } = limits.queue
  const queue = Math.min(bytes, messages * messageBytes)
  // The message that passes the limit is written to its end.
  const output = limits.output.pauseBytes + messageBytes
  const inFlight = qos === 0 ? 0 : mqtt.inFlightMaximum * messageBytes
  return queue + output + inFlight
}
