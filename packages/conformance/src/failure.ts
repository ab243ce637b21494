/** What a case finds: the Server did not do what a statement asks. */
export class CaseFailure extends Error {
  override name = 'CaseFailure'
  /** What went over the connection on which it was found. */
  readonly transcript: readonly string[] | undefined

  constructor(message: string, transcript?: readonly string[]) {
    super(message)
    this.transcript = transcript
  }
}

/** Thrown by `Trial.skip`: the broker lacks an optional feature, or was not started as needed. */
export class CaseSkipped extends Error {
  override name = 'CaseSkipped'
}
