import { PayloadError } from './payload-error.ts'

/**
 * What a subscription does with a message that does not fit its pattern: end with the error, pass
 * over it, or hand it out with the error in place of a value.
 */
export type InvalidMessagePolicy = 'throw' | 'skip' | 'deliver-raw'

/** The half of a pattern that reads. */
interface MessageReader<Params, Output> {
  readonly pattern: string
  match(topicName: string): Params | undefined
  decode(payload: Uint8Array): Output | Promise<Output>
}

/** What a pattern makes of a message. */
export type Reading<Params, Output> =
  | { readonly params: Params; readonly value: Output; readonly error?: undefined }
  | { readonly params?: undefined; readonly value?: undefined; readonly error: PayloadError }

/** Reads a message by its pattern; resolves later only where the schema is asynchronous. */
export function readMessage<Params, Output>(
  pattern: MessageReader<Params, Output>,
  topicName: string,
  payload: Uint8Array,
): Reading<Params, Output> | Promise<Reading<Params, Output>> {
  const params = pattern.match(topicName)
  if (params === undefined) {
    return { error: new PayloadError(`a topic does not fit the parameters of ${pattern.pattern}`) }
  }
  try {
    const value = pattern.decode(payload)
    if (!(value instanceof Promise)) return { params, value }
    return value.then((each) => ({ params, value: each }), refused)
  } catch (error) {
    return refused(error)
  }
}

/** A fault of a schema's own code is not the message's: it goes on. */
function refused(error: unknown): { error: PayloadError } {
  if (error instanceof PayloadError) return { error }
  throw error
}
