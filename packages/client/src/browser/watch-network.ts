/** Calls back when the page is online again, or is looked at again. */
export function watchNetwork(isBack: () => void): () => void {
  const { document } = globalThis // a worker has none
  const becameVisible = () => {
    if (document?.visibilityState === 'visible') isBack()
  }
  globalThis.addEventListener('online', isBack)
  document?.addEventListener('visibilitychange', becameVisible)
  return () => {
    globalThis.removeEventListener('online', isBack)
    document?.removeEventListener('visibilitychange', becameVisible)
  }
}
