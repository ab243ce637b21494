import { closeSync, openSync, writeSync } from 'node:fs'

/** While it is open, Linux lets no processor sleep so that it would take longer to wake up than was written to it. */
export const device = '/dev/cpu_dma_latency'

/**
 * Keeps all processors from halting until it is disposed of. On a virtual machine a processor that halts
 * is the host's, and the next message waits until the host has time for it: milliseconds, where several
 * share a host. Throws where the device is absent, or not for this user.
 */
export function keepAwake(): Disposable {
  const file = openSync(device, 'w')
  writeSync(file, new Int32Array([0])) // Microseconds.
  return { [Symbol.dispose]: () => closeSync(file) }
}

/** Why it cannot be done here, if it cannot. */
export function whyNotAwake(): string | undefined {
  try {
    keepAwake()[Symbol.dispose]()
    return undefined
  } catch (error) {
    return `processors cannot be kept from halting here: ${(error as Error).message}`
  }
}
