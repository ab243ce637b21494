// What many programs do without. A page loads each part when it is first used; Node has all of them from
// the start, because a file of its own saves nothing there.

/** How to get each part. */
export interface Parts {
  authenticator(): Promise<typeof import('../authenticator.ts')>
  batches(): Promise<typeof import('../batches.ts')>
  earlierSession(): Promise<typeof import('../earlier-session.ts')>
  link(): Promise<typeof import('../transport/link.ts')>
  olderVersion(): Promise<typeof import('../older-version.ts')>
  requests(): Promise<typeof import('../requests.ts')>
  upkeep(): Promise<typeof import('../upkeep.ts')>
}
