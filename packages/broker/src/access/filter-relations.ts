import { hasWildcard, type TopicFilter } from '@busbar/protocol'

/**
 * Whether every Topic Name that `narrow` matches is matched by `wide`, too. Never says yes wrongly;
 * it says no to `+/#` covering `#`.
 */
export function filterCovers(wide: TopicFilter, narrow: TopicFilter): boolean {
  if (hidesDollar(wide, narrow)) return false
  const outer = wide.split('/')
  const inner = narrow.split('/')
  for (const [at, level] of outer.entries()) {
    if (level === '#') return true // its parent, too (U5-4.7.1-a)
    const other = inner[at]
    if (other === undefined || other === '#') return false
    if (level !== '+' && level !== other) return false
  }
  return outer.length === inner.length
}

/** Whether there is a Topic Name that both match. */
export function filtersOverlap(one: TopicFilter, other: TopicFilter): boolean {
  if (hidesDollar(one, other) || hidesDollar(other, one)) return false
  const levels = one.split('/')
  const others = other.split('/')
  for (let at = 0; at < levels.length || at < others.length; at++) {
    const level = levels[at]
    const another = others[at]
    if (level === '#' || another === '#') return true
    if (level === undefined || another === undefined) return false
    if (level !== another && level !== '+' && another !== '+') return false
  }
  return true
}

/** The first one begins with a wildcard, which matches nothing that begins with `$` [MQTT5-4.7.2-1]. */
function hidesDollar(one: TopicFilter, other: TopicFilter): boolean {
  return other.startsWith('$') && hasWildcard(one) && /^[+#]/.test(one)
}
