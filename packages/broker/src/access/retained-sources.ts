import type { Message } from '../message.ts'
import type { Access, Subject } from './access.ts'

/** More publishers than these, or longer names of theirs, are looked up anew. */
const mostPublishers = 10_000
const mostCharacters = 4_000_000

/** Whether those who retained messages still may. */
export class RetainedSources {
  readonly #access: Access
  readonly #sessionOf: (clientIdentifier: string) => Subject | undefined
  readonly #gone = new Map<string, Subject>()
  #characters = 0

  constructor(access: Access, sessionOf: (clientIdentifier: string) => Subject | undefined) {
    this.#access = access
    this.#sessionOf = sessionOf
  }

  /** What the broker itself, or code in its process, has retained is never in question. */
  mayStillPublish({ publisher, publisherUser, topicName }: Message): boolean {
    if (publisher === '') return true
    const session = this.#sessionOf(publisher)
    const subject =
      session !== undefined && session.user === publisherUser
        ? session
        : this.#whoIsGone(publisher, publisherUser)
    return this.#access.mayPublish(subject, topicName, true)
  }

  /** Of groups and variables nothing is known any more, which counts in favour of the publisher. */
  #whoIsGone(clientIdentifier: string, user: string | undefined): Subject {
    const key = JSON.stringify([clientIdentifier, user])
    const known = this.#gone.get(key)
    if (known !== undefined) return known
    this.#characters += key.length
    if (this.#gone.size >= mostPublishers || this.#characters > mostCharacters) {
      this.#gone.clear()
      this.#characters = key.length
    }
    const subject = { clientIdentifier, user, groups: undefined, variables: undefined }
    this.#gone.set(key, subject)
    return subject
  }
}
