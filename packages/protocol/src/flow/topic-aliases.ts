import { ProtocolError, protocolError } from '../errors.ts'
import { ReasonCode } from '../reason-codes.ts'

/** What the peer's Topic Aliases stand for, until the Network Connection ends [MQTT5-3.3.2-7]. */
export class InboundTopicAliases {
  #topicNames: Map<number, string> | undefined
  readonly #maximum: number

  /** `maximum` is the Topic Alias Maximum that we have sent; 0 for none. */
  constructor(maximum: number) {
    this.#maximum = maximum
  }

  /**
   * The Topic Name of a PUBLISH; remembers it when it comes with an alias (U5-3.3.2-b). Throws a
   * ProtocolError: Reason Code 0x94 for an alias out of range, 0x82 where no name is known.
   */
  resolve(topicName: string, alias: number | undefined): string {
    if (alias === undefined) {
      if (topicName !== '') return topicName
      throw protocolError('PUBLISH has neither Topic Name nor Topic Alias', 'U5-3.3.2-a')
    }
    if (alias === 0) throw invalid('is 0', 'MQTT5-3.3.2-8')
    if (alias > this.#maximum) throw invalid('is above Topic Alias Maximum', 'U5-3.3.4-a')
    if (topicName !== '') {
      this.#topicNames ??= new Map()
      this.#topicNames.set(alias, topicName)
      return topicName
    }
    const known = this.#topicNames?.get(alias)
    if (known === undefined) throw protocolError('Topic Alias stands for nothing', 'U5-3.3.4-b')
    return known
  }
}

function invalid(message: string, statement: string): ProtocolError {
  return new ProtocolError(ReasonCode.TopicAliasInvalid, `Topic Alias ${message}`, statement)
}
