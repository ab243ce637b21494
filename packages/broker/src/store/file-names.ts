import { join } from 'node:path'

/** What is in the folder of a store: docs/store.md says what each of them is for. */
export const storeFile = (folder: string) => join(folder, 'busbar.db')
export const logFile = (folder: string) => join(folder, 'busbar.db-wal')
export const reserveFile = (folder: string) => join(folder, 'busbar.reserve')
export const lockFile = (folder: string) => join(folder, 'busbar.lock')
/** The database for the moment in which it is closed without being changed. */
export const asideFile = (folder: string) => join(folder, 'busbar.db.aside')
