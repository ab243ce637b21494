import type { Link } from '@busbar/protocol'
import type { Transport, TransportEvents } from './transport.ts'

/** A Network Connection within the process. A link takes everything at once and cannot be paused. */
export function openLink(link: Link, events: TransportEvents): Transport {
  let isOpen = true
  let isPaused = false
  const waiting: Uint8Array[] = []
  const ended = () => {
    if (!isOpen) return
    isOpen = false
    events.closed()
  }
  const close = () => {
    if (!isOpen) return
    link.close()
    queueMicrotask(ended)
  }
  link.receive = (bytes) => {
    const own = bytes.slice() // a link's bytes are valid for the call only
    if (isPaused) waiting.push(own)
    else if (isOpen) events.receive(own)
  }
  link.closed = ended
  return {
    bufferedBytes: 0,
    send(bytes) {
      if (isOpen) link.send(bytes)
    },
    pause() {
      isPaused = true
    },
    resume() {
      isPaused = false
      while (!isPaused && isOpen) {
        const bytes = waiting.shift()
        if (bytes === undefined) return
        events.receive(bytes)
      }
    },
    end: close,
    destroy: close,
  }
}
