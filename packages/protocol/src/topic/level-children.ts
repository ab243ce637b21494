/** A node of a tree of topic levels, kept under its level. */
export interface LevelNode {
  readonly level: string
}

/**
 * The nodes one level below a node. Most nodes have one, and a Map for one entry would take three
 * times the memory of the node.
 */
export type LevelChildren<N extends LevelNode> = undefined | N | Map<string, N>

export function childOf<N extends LevelNode>(
  children: LevelChildren<N>,
  level: string,
): N | undefined {
  if (children === undefined) return undefined
  if (children instanceof Map) return children.get(level)
  return children.level === level ? children : undefined
}

/** The children with `child` added, whose level none of them may have. */
export function withChild<N extends LevelNode>(
  children: LevelChildren<N>,
  child: N,
): LevelChildren<N> {
  if (children === undefined) return child
  if (children instanceof Map) return children.set(child.level, child)
  return new Map([
    [children.level, children],
    [child.level, child],
  ])
}

export function withoutChild<N extends LevelNode>(
  children: LevelChildren<N>,
  child: N,
): LevelChildren<N> {
  if (children === child) return undefined
  if (!(children instanceof Map)) return children
  children.delete(child.level)
  return children.size === 0 ? undefined : children
}
