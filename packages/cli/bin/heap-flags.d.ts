export function heapFlags(options: string, processors: number): string[]
