import type { Log } from '../log.ts'
import type { Transport, TransportEvents } from '../transport.ts'

/**
 * The core's events with a last line of defence: what they throw is a defect of the broker. It
 * ends this connection, with the stack in the log, and no other. `closed` is passed on once.
 */
export function guardEvents(
  events: TransportEvents,
  transport: Transport,
  log: Log,
): TransportEvents {
  let isClosed = false
  const failed = (error: unknown) => {
    log.error('defect in the broker, connection closed', { address: transport.address, error })
    transport.destroy()
  }
  return {
    receive(bytes) {
      try {
        events.receive(bytes)
      } catch (error) {
        failed(error)
      }
    },
    drained() {
      try {
        events.drained()
      } catch (error) {
        failed(error)
      }
    },
    closed() {
      if (isClosed) return
      isClosed = true
      try {
        events.closed()
      } catch (error) {
        failed(error)
      }
    },
  }
}
