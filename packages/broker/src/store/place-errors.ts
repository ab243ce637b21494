/** What of the file system is the operator's to put right: what is wrong with a place, and the way out. */
const remedies: Readonly<Record<string, string>> = {
  ENOENT: 'its folder is not there; make it first',
  ENOTDIR: 'its folder is not a folder; give another one',
  EISDIR: 'it is a folder; give the name of a file',
  EACCES: `${user()} may not write there; give another folder, or the right to write`,
  EPERM: `${user()} may not write there; give another folder, or the right to write`,
  EROFS: 'nothing can be written there; give another folder',
  ENOSPC: 'the disk is full; make room, or give another folder',
  ENAMETOOLONG: 'its name is too long; give a shorter one',
}

/** Undefined for what is no error of a file system, or none that an operator can put right. */
export function remedyFor(code: string): string | undefined {
  return Object.hasOwn(remedies, code) ? remedies[code] : undefined
}

/** The system's name of an error, such as EACCES. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** Of the process that writes: the broker's, where it runs. */
function user(): string {
  return process.getuid === undefined ? 'this user' : `user ${process.getuid()}`
}
